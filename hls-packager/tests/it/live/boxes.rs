//! The few boxes of a fragment, read from their definition in ISO/IEC 14496-12.

/// One fragment: a run of samples.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fragment {
    pub(crate) sequence: u32,
    pub(crate) decode_time: u64,
    pub(crate) samples: Vec<Sample>,
    pub(crate) media_bytes: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sample {
    pub(crate) duration: u32,
    pub(crate) size: u32,
    pub(crate) sync: bool,
    pub(crate) composition: i32,
}

impl Fragment {
    pub(crate) fn end(&self) -> u64 {
        self.decode_time + self.samples.iter().map(|sample| u64::from(sample.duration)).sum::<u64>()
    }
}

fn u32_at(data: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(data[at..at + 4].try_into().unwrap())
}

fn children(mut data: &[u8]) -> Vec<(String, &[u8])> {
    let mut found = Vec::new();
    while !data.is_empty() {
        let size = u32_at(data, 0) as usize;
        found.push((String::from_utf8(data[4..8].to_vec()).unwrap(), &data[8..size]));
        data = &data[size..];
    }
    found
}

fn child<'a>(data: &'a [u8], name: &str) -> &'a [u8] {
    children(data).into_iter().find(|(found, _)| found == name).unwrap_or_else(|| panic!("no {name}")).1
}

/// The fragments of a part or a segment.
pub(crate) fn fragments(data: &[u8]) -> Vec<Fragment> {
    let boxes = children(data);
    boxes
        .chunks(2)
        .map(|pair| match pair {
            [(moof, header), (mdat, media)] if moof == "moof" && mdat == "mdat" => fragment(header, media),
            other => panic!("{:?}", other.iter().map(|(name, _)| name).collect::<Vec<_>>()),
        })
        .collect()
}

fn fragment(moof: &[u8], mdat: &[u8]) -> Fragment {
    let traf = child(moof, "traf");
    let tfdt = child(traf, "tfdt");
    assert_eq!(tfdt[0], 1, "64-bit decode times");
    let decode_time = u64::from_be_bytes(tfdt[4..12].try_into().unwrap());
    let (default_duration, default_size, default_flags) = defaults(child(traf, "tfhd"));
    let trun = child(traf, "trun");
    let flags = u32_at(trun, 0) & 0xff_ffff;
    let count = u32_at(trun, 4);
    let mut at = 8;
    let mut next = || {
        at += 4;
        u32_at(trun, at - 4)
    };
    let has = |bit: u32| flags & bit != 0;
    if has(0x001) {
        next();
    }
    let first_flags = has(0x004).then(&mut next);
    let samples: Vec<Sample> = (0..count)
        .map(|index| {
            let duration = if has(0x100) { next() } else { default_duration };
            let size = if has(0x200) { next() } else { default_size };
            let own = if has(0x400) { next() } else { default_flags };
            let flags = if index == 0 { first_flags.unwrap_or(own) } else { own };
            let composition = if has(0x800) { next() as i32 } else { 0 };
            Sample { duration, size, sync: flags & 0x1_0000 == 0, composition }
        })
        .collect();
    assert_eq!(samples.iter().map(|sample| sample.size as usize).sum::<usize>(), mdat.len());
    Fragment { sequence: u32_at(child(moof, "mfhd"), 4), decode_time, samples, media_bytes: mdat.len() }
}

fn defaults(tfhd: &[u8]) -> (u32, u32, u32) {
    let flags = u32_at(tfhd, 0) & 0xff_ffff;
    let mut at = 8;
    let mut next = |bit: u32| {
        if flags & bit == 0 {
            return 0;
        }
        at += 4;
        u32_at(tfhd, at - 4)
    };
    assert_eq!(flags & 0x3, 0, "no base offset or description index");
    (next(0x08), next(0x10), next(0x20))
}
