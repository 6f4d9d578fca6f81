//! Signed addresses (V4 signing process with `GOOG4-RSA-SHA256`).

use jiff::Timestamp;
use model::Millis;
use outbound::{encoded, hex};

use super::account::Account;
use crate::digest;

/// The longest that an address can hold: a week, seconds.
const LONGEST_SECS: u32 = 604_800;

/// A read that is to be signed.
pub(super) struct Unsigned<'a> {
    /// Scheme, host and perhaps a port, and a path before the bucket's name: none at Google's.
    pub(super) endpoint: &'a str,
    pub(super) bucket: &'a str,
    pub(super) object: &'a str,
    /// What the answer is to say of itself, and anything else that is asked for.
    pub(super) query: Vec<(&'a str, &'a str)>,
    pub(super) now: Millis,
    pub(super) secs: u32,
}

impl Unsigned<'_> {
    /// The address by which whoever has it reads the object, and nothing else.
    pub(super) fn signed(&self, account: &Account) -> String {
        let (query, text) = self.string_to_sign(&account.email);
        let signature = hex(&account.sign(text.as_bytes()));
        let path = self.path();
        format!("{}{path}?{query}&X-Goog-Signature={signature}", self.endpoint)
    }

    fn path(&self) -> String {
        format!("/{}/{}", self.bucket, encoded(self.object, "/"))
    }

    /// The query and the text that is signed.
    fn string_to_sign(&self, email: &str) -> (String, String) {
        let now = Timestamp::from_millisecond(self.now.0).unwrap_or(Timestamp::UNIX_EPOCH);
        let day = now.strftime("%Y%m%d").to_string();
        let moment = now.strftime("%Y%m%dT%H%M%SZ").to_string();
        let scope = format!("{day}/auto/storage/goog4_request");
        let credential = format!("{email}/{scope}");
        let secs = self.secs.clamp(1, LONGEST_SECS).to_string();
        let mut pairs = vec![
            ("X-Goog-Algorithm", "GOOG4-RSA-SHA256"),
            ("X-Goog-Credential", &credential),
            ("X-Goog-Date", &moment),
            ("X-Goog-Expires", &secs),
            ("X-Goog-SignedHeaders", "host"),
        ];
        pairs.extend(self.query.iter().copied());
        let mut pairs: Vec<String> = pairs
            .into_iter()
            .map(|(name, value)| format!("{}={}", encoded(name, ""), encoded(value, "")))
            .collect();
        pairs.sort_unstable();
        let query = pairs.join("&");
        let (_, host) = self.endpoint.split_once("://").unwrap_or_default();
        let (host, before) = host.split_once('/').unwrap_or((host, ""));
        let before = if before.is_empty() {
            String::new()
        } else {
            format!("/{before}")
        };
        let request = format!(
            "GET\n{before}{}\n{query}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD",
            self.path()
        );
        let text = format!(
            "GOOG4-RSA-SHA256\n{moment}\n{scope}\n{}",
            digest(request.as_bytes())
        );
        (query, text)
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rsa::PublicKeyComponents;
    use aws_lc_rs::signature::RSA_PKCS1_2048_8192_SHA256;

    use super::*;

    /// The public half of the key with which Google's conformance tests for V4 signatures are signed.
    const MODULUS: &str = "ac3f3322ac8a2db5f436af28d098f5a871211e1a8edfed0e3fb4c4171e55c5ce8f77006814dadf9c9448fd\
        2f99683612d5abebe4faa9a7c83cf9434e32f23556c8c633cc634dac6456ff2698aa7aa52990b2d4eddb9a\
        736357b1036c2fe313564b058d14dc76921df9fa4bd343f0c5dd803d3fba54535b0ababd4f3fc3a8b9b58b\
        14ee7d8b2e54139757d0eff7a63bd9d87021497b31d955ad0799e5ac747c16b28934b24c10610348ccfdc9\
        17d0694798094f680d81ee8aa290deb0978ba0bcda5fb7149c39fe0809e72ee2c3c304ac2152b257184116\
        c1573e9960a5a411c261b3c046dffd7a6df6aa36eb0d943209f7d23b0e68a9527805fc712e95885fad";

    const EMAIL: &str = "test-iam-credentials@dummy-project-id.iam.gserviceaccount.com";

    fn bytes(digits: &str) -> Vec<u8> {
        let pairs = (0..digits.len()).step_by(2);
        pairs
            .map(|i| u8::from_str_radix(&digits[i..i + 2], 16).expect("digits"))
            .collect()
    }

    /// Checks our text against the signature that Google publishes for the same request.
    #[track_caller]
    fn check(unsigned: &Unsigned<'_>, query: &str, signature: &str) {
        let (ours, text) = unsigned.string_to_sign(EMAIL);

        assert_eq!(ours, query);
        let key = PublicKeyComponents {
            n: bytes(MODULUS),
            e: vec![1, 0, 1],
        };
        key.verify(&RSA_PKCS1_2048_8192_SHA256, text.as_bytes(), &bytes(signature))
            .expect("what Google signed");
    }

    #[test]
    fn the_text_that_is_signed_is_the_one_that_google_signs() {
        // `storage/v1/v4_signatures.json` of Google's conformance tests: "Simple GET".
        check(
            &Unsigned {
                endpoint: "https://storage.googleapis.com",
                bucket: "test-bucket",
                object: "test-object",
                query: Vec::new(),
                now: Millis(1_549_011_600_000),
                secs: 10,
            },
            "X-Goog-Algorithm=GOOG4-RSA-SHA256&X-Goog-Credential=test-iam-credentials%40dummy-project-id.iam.\
             gserviceaccount.com%2F20190201%2Fauto%2Fstorage%2Fgoog4_request&X-Goog-Date=20190201T090000Z&\
             X-Goog-Expires=10&X-Goog-SignedHeaders=host",
            "95e6a13d43a1d1962e667f17397f2b80ac9bdd1669210d5e08e0135df9dff4e56113485dbe429ca2266487\
             b9d1796ebdee2d7cf682a6ef3bb9fbb4c351686fba90d7b621cf1c4eb1fdf126460dd25fa0837dfdde0a9f\
             d98662ce60844c458448fb2b352c203d9969cb74efa4bdb742287744a4f2308afa4af0e0773f55e32e9297\
             3619249214b97283b2daa14195244444e33f938138d1e5f561088ce8011f4986dda33a556412594db7c12f\
             c40e1ff3f1bedeb7a42f5bcda0b9567f17f65855f65071fabb88ea12371877f3f77f10e1466fff6ff6973b\
             74a933322ff0949ce357e20abe96c3dd5cfab42c9c83e740a4d32b9e11e146f0eb3404d2e975896f74",
        );
        // "Query Parameter Ordering".
        check(
            &Unsigned {
                endpoint: "https://storage.googleapis.com",
                bucket: "test-bucket",
                object: "test-object",
                query: vec![("prefix", "/foo"), ("X-Goog-Meta-Foo", "bar")],
                now: Millis(1_549_011_600_000),
                secs: 10,
            },
            "X-Goog-Algorithm=GOOG4-RSA-SHA256&X-Goog-Credential=test-iam-credentials%40dummy-project-id.iam.\
             gserviceaccount.com%2F20190201%2Fauto%2Fstorage%2Fgoog4_request&X-Goog-Date=20190201T090000Z&\
             X-Goog-Expires=10&X-Goog-Meta-Foo=bar&X-Goog-SignedHeaders=host&prefix=%2Ffoo",
            "a07745e1b3d59b85cbe11aa766df72c22468959e7217615dccb7f030234f66b60b37e480f30725ed51f298\
             16362ca8286c619ebb66448ff1d370be2a4a48aacf20d3d2d6200ed17341a5791baf2ee5cd9c2823adacc6\
             264f66c8a54fa887e1bce3c55cf78fb2f6a52618cf09d6f945f63d148052a7b66a75e075ff5065828a806b\
             84bdc49a42399be7483225c720d5e18a6160f79d815f433e7921694fe1d041099851793c2581db0e5ca503\
             cfb566e414f900ceede5f9b22030edd32ab20b6f7f9fb2afba89098b9364e03397c03a94eac3a140c99979\
             b8786844fb4f6c62c1985378939dd1bbaea8e41b9100dda85a27733171cc78d96ee362ea2c3432f4d8",
        );
    }

    #[test]
    fn an_address_holds_for_a_week_at_most() {
        let unsigned = Unsigned {
            endpoint: "http://127.0.0.1:9000",
            bucket: "box",
            object: "a/b c",
            query: vec![("response-content-type", "text/plain")],
            now: Millis(0),
            secs: u32::MAX,
        };

        let (query, _) = unsigned.string_to_sign(EMAIL);

        assert!(query.contains("X-Goog-Expires=604800&"), "{query}");
        assert!(query.ends_with("&response-content-type=text%2Fplain"), "{query}");
        assert_eq!(unsigned.path(), "/box/a/b%20c");
    }
}
