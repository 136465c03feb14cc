//! stub
use crate::config::Config;
pub struct Outputs;
impl Outputs {
    pub fn new(_: &Config) -> Self { Self }
    pub fn rtmp_players(&self) -> usize { 0 }
    pub fn flv_players(&self) -> usize { 0 }
}
