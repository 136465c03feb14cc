//! Times every hot path: `cargo bench -p pulse-bench --bench time`.

use std::time::Duration;

use criterion::{Criterion, Throughput};

fn main() -> anyhow::Result<()> {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .sample_size(30)
        .configure_from_args();
    for mut case in pulse_bench::cases::all()? {
        let mut group = criterion.benchmark_group("hot");
        if let Some(bytes) = case.bytes {
            group.throughput(Throughput::Bytes(bytes as u64));
        }
        group.bench_function(case.name, |bencher| bencher.iter(|| (case.run)()));
        group.finish();
    }
    criterion.final_summary();
    Ok(())
}
