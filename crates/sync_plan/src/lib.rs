//! The plan: what was agreed last (`base`), what is `here` and what is `there` come in; the step
//! that reconciles them comes out. Pure: no clock, no I/O, no randomness.

use model::Digest;

/// What one side holds at a path: nothing, or a content.
pub type Side = Option<Digest>;

/// What brings one file's two sides together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// They agree already.
    None,
    /// Ours goes there.
    Upload,
    /// Theirs comes here.
    Download,
    /// It was deleted here and has not changed there: it goes to their trash.
    RemoveThere,
    /// It was deleted there and has not changed here: it goes to our trash.
    RemoveHere,
    /// Both changed, and differently: both are kept, and a person may choose.
    KeepBoth,
}

/// Reconciles one file.
///
/// An edit wins over a delete, whichever side made it, so no content is ever lost to one.
pub fn reconcile(base: Side, here: Side, there: Side) -> Step {
    let (is_changed_here, is_changed_there) = (here != base, there != base);
    match (here, there) {
        _ if here == there => Step::None,
        (Some(_), Some(_)) if is_changed_here && is_changed_there => Step::KeepBoth,
        (Some(_), _) if is_changed_here => Step::Upload,
        (_, Some(_)) if is_changed_there => Step::Download,
        (None, _) => Step::RemoveThere,
        (Some(_), _) => Step::RemoveHere,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(text: char) -> Side {
        (text != '-').then_some(Digest([text as u8; 32]))
    }

    /// Each row: base, here, there; `-` is nothing.
    #[track_caller]
    fn check(row: &str, step: Step) {
        let [base, here, there] = row.chars().map(side).collect::<Vec<_>>()[..] else {
            panic!("three sides")
        };
        assert_eq!(reconcile(base, here, there), step, "{row}");
    }

    #[test]
    fn what_is_equal_stays() {
        for row in ["---", "111", "122", "-22", "1--"] {
            check(row, Step::None);
        }
    }

    #[test]
    fn a_change_on_one_side_goes_to_the_other() {
        check("121", Step::Upload);
        check("-1-", Step::Upload);
        check("112", Step::Download);
        check("--1", Step::Download);
        check("1-1", Step::RemoveThere);
        check("11-", Step::RemoveHere);
    }

    #[test]
    fn an_edit_wins_over_a_delete() {
        check("12-", Step::Upload);
        check("1-2", Step::Download);
    }

    #[test]
    fn two_different_edits_are_both_kept() {
        check("123", Step::KeepBoth);
        check("-12", Step::KeepBoth);
    }
}
