//! Hashing passwords: argon2id for new ones, bcrypt understood from older systems.

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{CustomizedPasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};

use crate::{Hub, HubError, PasswordCost, keys};

/// What a check of a password found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is not the password.
    Wrong,
    /// It is.
    Right,
    /// It is, and its hash should be replaced by this one, made at today's cost.
    Rehashed(String),
}

impl Hub {
    /// Hashes a password.
    pub(crate) async fn hash_password(&self, password: &str) -> Result<String, HubError> {
        let cost = self.config().password_cost;
        let password = normalise(password);
        self.hashing(move || hash(&password, cost)).await
    }

    /// Compares a password with a hash. Without a hash it takes as long and answers `Wrong`, so
    /// that nobody learns from the time which accounts there are.
    pub(crate) async fn check_password(
        &self,
        password: &str,
        stored: Option<String>,
    ) -> Result<Verdict, HubError> {
        let cost = self.config().password_cost;
        let password = normalise(password);
        self.hashing(move || {
            let Some(stored) = stored else {
                hash(&password, cost);
                return Verdict::Wrong;
            };
            verify(&password, &stored, cost)
        })
        .await
    }

    /// Runs hashing on the blocking pool, a bounded number at once: each takes tens of megabytes.
    async fn hashing<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, HubError> {
        let permit = std::sync::Arc::clone(&self.0.hashing)
            .acquire_owned()
            .await
            .map_err(|closed| HubError::Unavailable(closed.into()))?;
        // The permit goes along: a caller who hangs up does not make room before the work is done.
        let work = move || {
            let done = work();
            drop(permit);
            done
        };
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|panic| HubError::Internal(panic.into()))
    }
}

/// One spelling of a password: NFC, nothing else. Spaces, NUL and length stay.
fn normalise(password: &str) -> String {
    model::compose(password)
}

fn argon2(cost: PasswordCost) -> (Argon2<'static>, Params) {
    let params = Params::new(cost.memory_kib, cost.passes, 1, None).unwrap_or(Params::DEFAULT);
    (
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone()),
        params,
    )
}

fn hash(password: &str, cost: PasswordCost) -> String {
    let (argon2, params) = argon2(cost);
    let salt = keys::random::<16>();
    argon2
        .hash_password_customized(password.as_bytes(), &salt, None, None, params)
        .expect("a salt of 16 bytes and checked parameters hash any password")
        .to_string()
}

fn verify(password: &str, stored: &str, cost: PasswordCost) -> Verdict {
    if stored.starts_with("$2") {
        // bcrypt reads 72 bytes; a longer password was cut by the system that it came from.
        let cut = &password.as_bytes()[..password.len().min(72)];
        return match bcrypt::verify(cut, stored) {
            Ok(true) => Verdict::Rehashed(hash(password, cost)),
            Ok(false) | Err(_) => Verdict::Wrong,
        };
    }
    let Ok(parsed) = PasswordHash::new(stored) else {
        return Verdict::Wrong;
    };
    if Argon2::default()
        .verify_password(password.as_bytes(), &parsed)
        .is_err()
    {
        return Verdict::Wrong;
    }
    let today = Params::new(cost.memory_kib, cost.passes, 1, None).unwrap_or(Params::DEFAULT);
    match Params::try_from(&parsed) {
        Ok(params) if params.m_cost() >= today.m_cost() && params.t_cost() >= today.t_cost() => {
            Verdict::Right
        }
        _ => Verdict::Rehashed(hash(password, cost)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHEAP: PasswordCost = PasswordCost {
        memory_kib: 64,
        passes: 1,
    };

    #[test]
    fn a_password_is_what_it_was_set_to() {
        for password in [
            "plain enough",
            "ends with a space ",
            "nul\0inside",
            "emoji 😀",
            &"long".repeat(200),
        ] {
            let stored = hash(password, CHEAP);
            assert_eq!(verify(password, &stored, CHEAP), Verdict::Right, "{password:?}");
            assert_eq!(
                verify(&format!("{password}x"), &stored, CHEAP),
                Verdict::Wrong,
                "{password:?}"
            );
        }
    }

    #[test]
    fn a_hash_cheaper_than_today_s_is_replaced() {
        let stored = hash("correct horse", CHEAP);
        let dear = PasswordCost {
            memory_kib: 128,
            passes: 1,
        };
        let Verdict::Rehashed(fresh) = verify("correct horse", &stored, dear) else {
            panic!("not replaced")
        };
        assert_eq!(verify("correct horse", &fresh, dear), Verdict::Right);
    }

    #[test]
    fn a_bcrypt_hash_from_an_older_system_opens_once_and_is_upgraded() {
        let stored = bcrypt::hash("correct horse", 4).expect("bcrypt");
        let Verdict::Rehashed(fresh) = verify("correct horse", &stored, CHEAP) else {
            panic!("not upgraded")
        };
        assert!(fresh.starts_with("$argon2id$"));
        assert_eq!(verify("wrong horse", &stored, CHEAP), Verdict::Wrong);
    }
}
