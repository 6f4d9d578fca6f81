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

fn sizes(rules: PartRules, whole_bytes: Option<u64>) -> Sizes {
    Sizes::new(rules, whole_bytes, &Memory::default())
}

#[test]
fn parts_of_a_known_length_are_even_and_suffice() {
    let longest = sizes(RULES, None).most_bytes();
    assert!(longest > 1024 * 1024 * MIB);
    for whole_bytes in [0, 1, 45_000 * MIB, 45_000 * MIB + 1, longest] {
        let sizes = sizes(RULES, Some(whole_bytes));
        let first = sizes.of(1);

        assert_eq!(first, sizes.of(9000), "{whole_bytes}");
        assert_eq!(first % MIB, 0);
        assert!(first * 9000 >= whole_bytes, "{whole_bytes}");
        assert!(
            first == 5 * MIB || (first - MIB) * 9000 < whole_bytes,
            "no larger than it must be"
        );
    }
}

#[test]
fn parts_of_an_unknown_length_grow_late() {
    let sizes = sizes(RULES, None);
    let all: Vec<u64> = (1..=10_000).map(|number| sizes.of(number)).collect();

    assert_eq!(all[..1000], [5 * MIB; 1000]);
    assert_eq!(all[1000..5000], [10 * MIB; 4000], "what is held stays bounded");
    assert!(all.is_sorted());
    assert!(all.iter().sum::<u64>() > 400 * 1024 * MIB);
    assert_eq!(all.last(), Some(&LARGEST_BYTES));
}

#[test]
fn no_part_is_larger_than_what_memory_there_is() {
    let small = Sizes::new(RULES, None, &Memory::new(30 * MIB));
    let none = Sizes::new(RULES, Some(u64::MAX / 2), &Memory::new(0));

    assert_eq!(small.of(10_000), 35 * MIB);
    assert_eq!(none.of(1), 10 * MIB);
}

#[test]
fn parts_keep_to_the_steps_of_a_store() {
    let rules = PartRules {
        step_bytes: 256 * 1024,
        least_bytes: 6 * MIB - 1,
        ..RULES
    };
    for whole_bytes in [None, Some(1), Some(200_000 * MIB + 1)] {
        let sizes = sizes(rules, whole_bytes);
        for number in [1, 1001, 5001, 10_000] {
            let size = sizes.of(number);

            assert!(size >= 6 * MIB && size.is_multiple_of(rules.step_bytes), "{size}");
        }
    }
}
