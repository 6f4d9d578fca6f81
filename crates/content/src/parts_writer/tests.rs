use super::*;

const MIB: u64 = 1024 * 1024;

/// The rules of S3.
const RULES: PartRules = PartRules {
    least_bytes: 5 * MIB,
    most_bytes: 5 * 1024 * MIB,
    most_parts: 10_000,
    step_bytes: 1,
    is_sequential: false,
    lists: true,
};

#[test]
fn parts_of_a_known_length_are_even_and_suffice() {
    for whole_bytes in [0, 1, 45_000 * MIB, 45_000 * MIB + 1, 5 * 1024 * 1024 * MIB / 8] {
        let first = part_bytes(&RULES, Some(whole_bytes), 1);
        let last = part_bytes(&RULES, Some(whole_bytes), 9000);

        assert_eq!(first, last, "{whole_bytes}");
        assert_eq!(first % MIB, 0);
        assert!(first * 9000 >= whole_bytes, "{whole_bytes}");
        assert!(
            first == 5 * MIB || (first - MIB) * 9000 < whole_bytes,
            "no larger than it must be"
        );
    }
}

#[test]
fn parts_of_an_unknown_length_grow_late_and_reach_the_largest_blob() {
    let sizes = |numbers: std::ops::RangeInclusive<u32>| numbers.map(|n| part_bytes(&RULES, None, n));

    assert_eq!(part_bytes(&RULES, None, 1), 5 * MIB);
    assert!(
        sizes(1..=9000).all(|size| size <= 10 * MIB),
        "what is held stays bounded"
    );
    assert!(sizes(1..=10_000).sum::<u64>() > 5 * 1024 * 1024 * MIB);
    assert!(sizes(1..=10_000).all(|size| size <= RULES.most_bytes));
    let grows = sizes(1..=9_999)
        .zip(sizes(2..=10_000))
        .all(|(one, next)| one <= next);
    assert!(grows);
}

#[test]
fn parts_keep_to_the_steps_of_a_store() {
    let rules = PartRules {
        step_bytes: 256 * 1024,
        least_bytes: 6 * MIB - 1,
        ..RULES
    };

    assert_eq!(part_bytes(&rules, None, 1), 6 * MIB);
    assert_eq!(part_bytes(&rules, Some(1), 1) % rules.step_bytes, 0);
}
