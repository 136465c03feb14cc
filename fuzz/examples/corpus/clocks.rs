//! Seeds of scripts in which time passes.

use std::io;

use crate::folder::Folder;

/// A frame of `track` for the timeline: so many milliseconds after the one before, with a composition offset.
fn step(track: u8, ms: i16, composition_ms: i8) -> Vec<u8> {
    [&[track], &ms.to_be_bytes()[..], &[composition_ms as u8]].concat()
}

/// The same at a time of its own.
fn at(track: u8, ms: u32) -> Vec<u8> {
    [&[track | 0x0c], &[0, 0][..], &ms.to_be_bytes(), &[0]].concat()
}

fn cadence(frames: usize) -> Vec<u8> {
    (0..frames)
        .flat_map(|n| [step(0, 20, 40), step(1, if n % 3 == 0 { 13 } else { 12 }, 0)].concat())
        .collect()
}

pub fn write_timeline(folder: &mut Folder) -> io::Result<()> {
    let script = |parts: &[Vec<u8>]| [&[0], &parts.concat()[..]].concat();
    folder.add("steady", &script(&[cadence(50)]))?;
    folder.add("trap_4_wrap", &script(&[at(0, u32::MAX - 300), cadence(40)]))?;
    folder.add("trap_5_back_a_little", &script(&[cadence(10), step(0, -60, 0), cadence(10)]))?;
    folder.add("trap_5_back_far", &script(&[cadence(10), step(0, -30_000, 0), cadence(10)]))?;
    folder.add("forward_far", &script(&[cadence(10), step(0, 30_000, 0), step(1, 0, 0), cadence(10)]))?;
    folder
        .add("restart_at_zero", &script(&[at(0, 3_600_000), cadence(10), at(0, 0), at(1, 0), cadence(10)]))?;
    folder.add(
        "one_track_elsewhere",
        &script(&[cadence(5), at(2, 2_000_000_000), cadence(5), at(2, 2_000_000_024)]),
    )?;
    folder.add("half_way_round", &script(&[cadence(5), at(0, 1 << 31), cadence(5), at(1, 0)]))?;
    folder.add("trap_38_drift", &script(&[(0..80).flat_map(|_| step(1, 30, 0)).collect()]))?;
    folder.add("reconfigured", &script(&[cadence(5), step(0xf0, 40, 0), step(0xf1, 0, 0), cadence(5)]))?;
    folder.add("any_bits", &[&[1], &noise(7, 400)[..]].concat())
}

/// Scripts at random.
pub fn write_scripts(folder: &mut Folder, count: u64, len: usize) -> io::Result<()> {
    for seed in 0..count {
        folder.add(&format!("random_{seed:02}"), &noise(seed, len))?;
    }
    Ok(())
}

pub fn write_packager(folder: &mut Folder) -> io::Result<()> {
    write_scripts(folder, 12, 250)
}

/// Bytes that are the same each time (Knuth's MMIX generator).
fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed + 1;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    std::iter::repeat_with(next).take(len).collect()
}
