use super::*;

#[test]
fn the_process_is_measured() {
    let metrics = Metrics::start().unwrap();
    metrics::counter!("cumuli_test_total").increment(3);

    let text = metrics.render();

    let value = |name: &str| -> f64 {
        let line = text.lines().find(|line| line.starts_with(&format!("{name} ")));
        line.unwrap_or_else(|| panic!("no {name} in {text}"))
            .rsplit(' ')
            .next()
            .unwrap()
            .parse()
            .unwrap()
    };
    assert!(value("process_resident_memory_bytes") > 1e6);
    assert!(value("process_open_fds") >= 3.0);
    assert!(value("process_max_fds") >= value("process_open_fds"));
    assert!(value("process_cpu_seconds_total") >= 0.0);
    assert!(value("process_start_time_seconds") > 1.7e9);
    assert!(value("cumuli_uptime_seconds") < 60.0);
    assert!(value("cumuli_test_total") == 3.0);
}

#[test]
fn a_process_name_with_blanks_and_parentheses_is_skipped() {
    let stat = "42 (a b) c) S 1 2 3 4 5 6 7 8 9 10 30 12 0 0";

    assert_eq!(cpu_ticks(stat), Some(42.0));
}

#[test]
fn resident_memory_is_read_in_bytes() {
    assert_eq!(
        resident_bytes("VmPeak:\t  9 kB\nVmRSS:\t    12 kB\n"),
        Some(12288.0)
    );
    assert_eq!(resident_bytes("VmPeak:\t  9 kB\n"), None);
}
