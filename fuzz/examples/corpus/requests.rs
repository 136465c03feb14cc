//! Seeds of requests.

use std::io;

use crate::folder::Folder;

const REQUESTS: [(&str, &str); 26] = [
    ("video/index.m3u8", ""),
    ("video/index.m3u8", "_HLS_msn=7"),
    ("video/index.m3u8", "_HLS_msn=7&_HLS_part=3"),
    ("audio0/index.m3u8", "_HLS_msn=7&_HLS_part=3&_HLS_skip=YES"),
    ("audio255/index.m3u8", "_HLS_skip=v2"),
    ("muxed/index.m3u8", "_HLS_part=3"),
    ("video/index.m3u8", "_HLS_msn=18446744073709551615"),
    ("video/index.m3u8", "_HLS_msn=18446744073709551616"),
    ("video/index.m3u8", "_HLS_msn=-1"),
    ("video/index.m3u8", "_HLS_msn=1&_HLS_msn=2"),
    ("video/index.m3u8", "_HLS_skip=NO"),
    ("video/index.m3u8", "_HLS_msn=&_HLS_part="),
    ("video/index.m3u8", "token=x&_HLS_msn=007&other"),
    ("video/l1-i1.mp4", ""),
    ("video/l1-p0.m4s", ""),
    ("video/l1-s1.m4s", "x=y"),
    ("muxed/l3-s9.ts", ""),
    ("muxed/l3-p9.m4s", ""),
    ("video/l01-s1.m4s", ""),
    ("video/l1-s18446744073709551615.m4s", ""),
    ("video/l1-s1-2.m4s", ""),
    ("video/../video/index.m3u8", ""),
    ("audio00/index.m3u8", ""),
    ("audio256/index.m3u8", ""),
    ("video/l1-é1.m4s", ""),
    ("", ""),
];

pub fn write(folder: &mut Folder) -> io::Result<()> {
    for (number, (path, query)) in REQUESTS.iter().enumerate() {
        folder.add(
            &format!("{number:02}"),
            &[&[path.len() as u8], path.as_bytes(), query.as_bytes()].concat(),
        )?;
    }
    Ok(())
}
