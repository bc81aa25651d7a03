//! The program `pinhole`.
fn main() {
    print!("{}", pinhole::settings::markdown());
}
