//! The patterns of a mirror's rules.

use model::{MirrorRule, limits};

use crate::HubError;

/// Rules that a mirror may have.
const MOST_RULES: usize = 100;

/// The first rule that matches a path below the mirror's folder, or a folder above it: what holds for a folder holds
/// for all in it.
pub(crate) fn rule_for<'a>(rules: &'a [MirrorRule], path: &str) -> Option<&'a MirrorRule> {
    rules.iter().find(|rule| covers(&rule.pattern, path))
}

/// Whether a pattern matches a path or a folder above it.
fn covers(pattern: &str, path: &str) -> bool {
    let pattern = pattern.strip_suffix('/').unwrap_or(pattern);
    if !pattern.contains('/') {
        return path.split('/').any(|name| matches(pattern, name));
    }
    let pattern: Vec<char> = pattern.strip_prefix('/').unwrap_or(pattern).chars().collect();
    let path: Vec<char> = path.chars().collect();
    let ends = path
        .iter()
        .enumerate()
        .filter(|(_, c)| **c == '/')
        .map(|(at, _)| at);
    ends.chain([path.len()])
        .any(|end| is_match(&pattern, &path[..end]))
}

fn matches(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    is_match(&pattern, &text)
}

/// One row for each character of the pattern: which beginnings of the text it may have taken so far. The time is the
/// product of both lengths, whatever the pattern.
fn is_match(pattern: &[char], text: &[char]) -> bool {
    let mut reached = vec![false; text.len() + 1];
    reached[0] = true;
    let mut at = 0;
    while let Some(c) = pattern.get(at) {
        let takes_all = *c == '*' && pattern.get(at + 1) == Some(&'*');
        if *c == '*' {
            // A star takes nothing, or one more of what it may take.
            for to in 1..=text.len() {
                let may = takes_all || text[to - 1] != '/';
                reached[to] |= may && reached[to - 1];
            }
            at += if takes_all { 2 } else { 1 };
            continue;
        }
        for to in (1..=text.len()).rev() {
            let fits = match c {
                '?' => text[to - 1] != '/',
                c => text[to - 1] == *c,
            };
            reached[to] = fits && reached[to - 1];
        }
        reached[0] = false;
        at += 1;
    }
    reached[text.len()]
}

/// Refuses rules that cannot be meant.
pub(super) fn check_rules(rules: &[MirrorRule]) -> Result<(), HubError> {
    if rules.len() > MOST_RULES {
        return Err(HubError::invalid("rules", format!("at most {MOST_RULES} rules")));
    }
    for rule in rules {
        let pattern = rule.pattern.trim_matches('/');
        let problem = if pattern.is_empty() {
            "a rule needs a pattern, such as `*.tmp` or `Drafts/**`"
        } else if rule.pattern.len() > limits::TEXT_BYTES {
            "a pattern is too long"
        } else if rule.pattern.chars().any(char::is_control) {
            "a pattern has no control characters"
        } else {
            continue;
        };
        return Err(HubError::invalid("rules", problem));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use model::ConflictPolicy;

    use super::*;

    #[test]
    fn patterns_match_names_paths_and_what_lies_below() {
        for (pattern, path, is_covered) in [
            ("*.tmp", "a.tmp", true),
            ("*.tmp", "deep/in/here/a.tmp", true),
            ("*.tmp", "a.tmp.txt", false),
            ("*.tmp", "a.TMP", false),
            ("node_modules", "web/node_modules/x/index.js", true),
            ("node_modules/", "web/node_modules", true),
            ("/build", "build/out.o", true),
            ("/build", "src/build", false),
            ("Drafts/*", "Drafts/a.txt", true),
            ("Drafts/*", "Drafts/old/a.txt", true),
            ("Drafts/*.txt", "Drafts/old/a.txt", false),
            ("Drafts/**.txt", "Drafts/old/a.txt", true),
            ("Drafts/**", "Drafts", false),
            ("**/cache/*", "a/b/cache/c", true),
            ("?at", "cat", true),
            ("?at", "at", false),
            ("a?b/c", "a/b/c", false),
            ("a*", "b/a", true),
            ("*", "anything/at all", true),
            ("Ä?", "Äß", true),
        ] {
            assert_eq!(covers(pattern, path), is_covered, "{pattern} on {path}");
        }
    }

    #[test]
    fn the_first_rule_that_matches_counts() {
        let rule = |pattern: &str, policy| MirrorRule {
            pattern: pattern.to_owned(),
            policy,
        };
        let rules = [
            rule("keep.tmp", Some(ConflictPolicy::Manual)),
            rule("*.tmp", None),
        ];
        assert_eq!(
            rule_for(&rules, "x/keep.tmp").and_then(|rule| rule.policy),
            Some(ConflictPolicy::Manual)
        );
        assert_eq!(rule_for(&rules, "b.tmp").map(|rule| rule.policy), Some(None));
        assert_eq!(rule_for(&rules, "c.txt"), None);
    }

    #[test]
    fn many_stars_end_soon() {
        let pattern = "a*".repeat(100);
        let text = "a".repeat(4000) + "b";
        assert!(!covers(&format!("{pattern}c"), &text));
    }

    #[test]
    fn rules_without_a_pattern_are_refused() {
        let rule = |pattern: &str| MirrorRule {
            pattern: pattern.to_owned(),
            policy: None,
        };
        assert!(check_rules(&[rule("*.tmp")]).is_ok());
        for wrong in ["", "/", "a\nb"] {
            assert!(check_rules(&[rule(wrong)]).is_err(), "{wrong:?}");
        }
        assert!(check_rules(&vec![rule("a"); MOST_RULES + 1]).is_err());
    }
}
