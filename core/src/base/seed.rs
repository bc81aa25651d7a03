//! All randomness of an endpoint, from 32 secret bytes.

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

/// 32 secret bytes from which all randomness of an endpoint is expanded, by ChaCha20.
///
/// Two endpoints with the same seed draw the same ICE passwords: take it from the operating
/// system in production, and fix it in tests only.
#[derive(Clone)]
pub struct Seed([u8; 32]);

impl Seed {
    /// Takes 32 bytes, which a program draws from the operating system.
    pub fn new(bytes: [u8; 32]) -> Seed {
        Seed(bytes)
    }

    /// As many seeds, of which none tells anything of another or of this one. What draws from them
    /// must not draw from this one too.
    pub fn children(&self, count: usize) -> Vec<Seed> {
        let mut rng = self.rng();
        (0..count).map(|_| rng.child_seed()).collect()
    }

    pub(crate) fn rng(&self) -> SeedRng {
        SeedRng(ChaCha20Rng::from_seed(self.0))
    }
}

impl std::fmt::Debug for Seed {
    /// Writes no byte of it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seed(…)")
    }
}

/// A cryptographic generator; children draw from their own seeds, in creation order.
pub(crate) struct SeedRng(ChaCha20Rng);

impl SeedRng {
    pub(crate) fn child(&mut self) -> SeedRng {
        self.child_seed().rng()
    }

    pub(crate) fn child_seed(&mut self) -> Seed {
        let mut bytes = [0; 32];
        self.0.fill_bytes(&mut bytes);
        Seed(bytes)
    }

    pub(crate) fn u32(&mut self) -> u32 {
        self.0.next_u32()
    }

    pub(crate) fn u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// `length` characters of the 64 that RFC 8839 §5.4 calls ice-char: 6 bits each.
    pub(crate) fn ice_chars(&mut self, length: usize) -> String {
        const ICE_CHARS: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let draw = |rng: &mut ChaCha20Rng| ICE_CHARS[(rng.next_u32() & 63) as usize] as char;
        (0..length).map(|_| draw(&mut self.0)).collect()
    }
}

/// The state of the generator that str0m draws its ids from: `fastrand`'s, which is global to the
/// thread. Each session keeps its own and puts it in place around every call into str0m, so that
/// what a session draws depends neither on other sessions nor on other users of the thread.
#[derive(Debug)]
pub(crate) struct Ambient(u64);

impl Ambient {
    pub(crate) fn new(rng: &mut SeedRng) -> Ambient {
        Ambient(rng.u64())
    }

    #[expect(clippy::disallowed_methods, reason = "swaps the ambient state in and out again")]
    pub(crate) fn scope<T>(&mut self, call: impl FnOnce() -> T) -> T {
        let outside = fastrand::get_seed();
        fastrand::seed(self.0);
        let result = call();
        self.0 = fastrand::get_seed();
        fastrand::seed(outside);
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_draws_the_same_and_children_differ() {
        let draw = |byte: u8| {
            let mut rng = Seed::new([byte; 32]).rng();
            let (mut first, mut second) = (rng.child(), rng.child());
            (first.ice_chars(24), second.ice_chars(24), rng.u64())
        };

        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        assert_ne!(draw(1).0, draw(1).1);
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the ambient generator is what is tested")]
    fn what_is_drawn_inside_a_scope_ignores_and_spares_the_outside() {
        let draw = |noise: usize| {
            let mut ambient = Ambient::new(&mut Seed::new([7; 32]).rng());
            fastrand::seed(noise as u64);
            (0..noise).for_each(|_| _ = fastrand::u64(..));
            let before = fastrand::get_seed();
            let first = ambient.scope(|| fastrand::u64(..));
            assert_eq!(fastrand::get_seed(), before);
            let second = ambient.scope(|| fastrand::u64(..));
            (first, second)
        };

        assert_eq!(draw(0), draw(5));
        assert_ne!(draw(0).0, draw(0).1);
    }
}
