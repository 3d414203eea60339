//! Amounts of cpu and memory: exact, and never a silent zero.

use apiary_identity::{Cpu, Memory};
use proptest::prelude::*;
use serde_json::json;

#[test]
fn cpu_is_cores_or_millicores() {
    for (text, millicores) in [
        ("500m", 500),
        ("1m", 1),
        ("4", 4000),
        ("0.5", 500),
        ("0.001", 1),
        ("1.25", 1250),
        ("2.000000", 2000),
        ("1.0m", 1),
        ("007", 7000),
        ("9223372036854775807m", i64::MAX),
    ] {
        assert_eq!(text.parse::<Cpu>().unwrap().millicores(), millicores, "{text}");
    }
    assert_eq!("4".parse::<Cpu>().unwrap().to_string(), "4000m");
}

#[test]
fn memory_counts_by_thousands_or_by_1024() {
    for (text, bytes) in [
        ("1000", 1000),
        ("1000B", 1000),
        ("1k", 1000),
        ("1K", 1000),
        ("1kB", 1000),
        ("1KB", 1000),
        ("10GB", 10_000_000_000),
        ("10G", 10_000_000_000),
        ("10Gi", 10 << 30),
        ("10GiB", 10 << 30),
        ("512Mi", 512 << 20),
        ("1.5Gi", 3 << 29),
        ("0.5Ki", 512),
        ("1.5000M", 1_500_000),
        ("2T", 2_000_000_000_000),
        ("2Ti", 2 << 40),
        ("3P", 3_000_000_000_000_000),
        ("3Pi", 3 << 50),
        ("9223372036854775807", i64::MAX),
    ] {
        assert_eq!(text.parse::<Memory>().unwrap().bytes(), bytes, "{text}");
    }
}

#[test]
fn an_amount_has_one_printed_form_the_shortest_that_is_exact() {
    for (text, printed) in [
        ("1024", "1Ki"),
        ("1.5Gi", "1536Mi"),
        ("10GB", "10G"),
        ("10737418240", "10Gi"),
        ("1000", "1k"),
        ("1000K", "1M"),
        ("1001", "1001"),
        ("1024k", "1024k"),
    ] {
        assert_eq!(text.parse::<Memory>().unwrap().to_string(), printed, "{text}");
    }
}

#[test]
fn what_is_not_understood_is_refused_and_never_zero() {
    let neither = [
        ("", "it is empty"),
        (" ", "does not begin with a number"),
        (" 4", "does not begin with a number"),
        ("4 ", "its unit is unknown"),
        ("4\n", "its unit is unknown"),
        ("-4", "does not begin with a number"),
        ("+4", "does not begin with a number"),
        ("m", "does not begin with a number"),
        ("Gi", "does not begin with a number"),
        (".5", "does not begin with a number"),
        ("5.", "does not begin with a number"),
        (".", "does not begin with a number"),
        ("1.2.3", "does not begin with a number"),
        ("1e3", "its unit is unknown"),
        ("0x10", "its unit is unknown"),
        ("1,5", "its unit is unknown"),
        ("1_000", "its unit is unknown"),
        ("4 cores", "its unit is unknown"),
        ("4mm", "its unit is unknown"),
        ("0x", "its unit is unknown"),
        ("٤", "does not begin with a number"),
        ("NaN", "does not begin with a number"),
        ("inf", "does not begin with a number"),
        ("0", "it is zero"),
        ("0.0", "it is zero"),
        ("000", "it is zero"),
        ("99999999999999999999999999999999", "more than can be counted"),
        ("000000000000000000000000000000001", "it is too long"),
    ];
    for (text, words) in neither {
        let cpu = text.parse::<Cpu>().unwrap_err().to_string();
        assert!(cpu.contains(words) && cpu.contains("amount of cpu") && cpu.contains("\"500m\""), "{text:?}: {cpu}");
        let memory = text.parse::<Memory>().unwrap_err().to_string();
        assert!(memory.contains(words) && memory.contains("amount of memory"), "{text:?}: {memory}");
        assert!(memory.contains("k M G T P (1000) or Ki Mi Gi Ti Pi (1024)"), "{text:?}: {memory}");
    }
    for (text, words) in [
        ("4Gi", "unit is unknown"),
        ("4B", "unit is unknown"),
        ("4M", "unit is unknown"),
        ("0.0005", "no whole number of millicores"),
        ("0.5m", "no whole number of millicores"),
        ("9223372036854775808m", "more than can be counted"),
        ("9223372036854776", "more than can be counted"),
    ] {
        let error = text.parse::<Cpu>().unwrap_err().to_string();
        assert!(error.contains(words), "{text}: {error}");
    }
    for (text, words) in [
        ("500m", "unit is unknown"),
        ("4g", "unit is unknown"),
        ("4ki", "unit is unknown"),
        ("4kib", "unit is unknown"),
        ("4GBB", "unit is unknown"),
        ("4GiBi", "unit is unknown"),
        ("4E", "unit is unknown"),
        ("4Ei", "unit is unknown"),
        ("0Qi", "unit is unknown"),
        ("0.5", "no whole number of bytes"),
        ("0.1Ki", "no whole number of bytes"),
        ("8192Pi", "more than can be counted"),
        ("9223372036854775808", "more than can be counted"),
    ] {
        let error = text.parse::<Memory>().unwrap_err().to_string();
        assert!(error.contains(words), "{text}: {error}");
    }
    let long = "9".repeat(1_000_000).parse::<Memory>().unwrap_err().to_string();
    assert!(long.len() < 300, "{} bytes of error", long.len());
}

#[test]
fn an_amount_made_from_a_number_is_more_than_zero() {
    assert_eq!(Cpu::from_millicores(1).unwrap().millicores(), 1);
    assert_eq!(Memory::from_bytes(i64::MAX).unwrap().bytes(), i64::MAX);
    for bad in [0, -1, i64::MIN] {
        assert!(Cpu::from_millicores(bad).is_err() && Memory::from_bytes(bad).is_err(), "{bad}");
    }
}

#[test]
fn json_holds_an_amount_as_text_and_a_bare_number_is_refused_with_advice() {
    assert_eq!(serde_json::to_value("0.5".parse::<Cpu>().unwrap()).unwrap(), json!("500m"));
    assert_eq!(serde_json::from_value::<Memory>(json!("10GB")).unwrap().bytes(), 10_000_000_000);
    for bad in [json!(4), json!(-4), json!(0), json!(0.5), json!(u64::MAX)] {
        let cpu = serde_json::from_value::<Cpu>(bad.clone()).unwrap_err().to_string();
        assert!(cpu.contains("a bare number is no amount of cpu: write cores as \"4\""), "{cpu}");
        let memory = serde_json::from_value::<Memory>(bad).unwrap_err().to_string();
        assert!(memory.contains("a bare number is no amount of memory: write bytes as \"1000\""), "{memory}");
    }
    for bad in [json!(null), json!(true), json!(["4"]), json!({ "4": "m" }), json!("")] {
        assert!(serde_json::from_value::<Cpu>(bad.clone()).is_err(), "{bad}");
        assert!(serde_json::from_value::<Memory>(bad.clone()).is_err(), "{bad}");
    }
}

proptest! {
    #[test]
    fn what_is_printed_reads_back_the_same(amount in 1..=i64::MAX, unit in 0..50_u32) {
        let cpu = Cpu::from_millicores(amount).unwrap();
        prop_assert_eq!(cpu.to_string().parse::<Cpu>().unwrap(), cpu);
        for bytes in [amount, (amount >> unit).max(1) << unit.min(12), (amount % 9000 + 1) * 1_000_000_000_000] {
            let memory = Memory::from_bytes(bytes).unwrap();
            prop_assert_eq!(memory.to_string().parse::<Memory>().unwrap(), memory);
        }
    }

    #[test]
    fn any_text_is_an_amount_above_zero_or_an_error(text in "[0-9.kKMGTPimB -]{0,12}|\\PC{0,40}") {
        if let Ok(cpu) = text.parse::<Cpu>() {
            prop_assert!(cpu.millicores() > 0);
        }
        if let Ok(memory) = text.parse::<Memory>() {
            prop_assert!(memory.bytes() > 0);
        }
    }
}
