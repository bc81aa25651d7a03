//! The file that callgrind writes: which function took how many instructions, with all that it called.
//!
//! ```text
//! fn=(12) benches::measured::frame_to_10
//! 16 400                 its own, by line
//! cfn=(14) core::endpoint::send_frame
//! calls=4 120
//! +3 51200               those of what it called
//! ```

/// Instructions of the function of this name, and of what it called. `None`: it never ran.
pub(super) fn inclusive(profile: &str, function: &str) -> Option<u64> {
    let mut own_id = None;
    let (mut inside, mut sum) = (false, None);
    for line in profile.lines() {
        // A name is told once, with its number, wherever it comes first; from then on by number alone.
        let named =
            ["fn=", "cfn="].into_iter().find_map(|key| Some((key, line.strip_prefix(key)?)));
        if let Some((key, value)) = named {
            let (id, name) = value.split_once(' ').unwrap_or((value, ""));
            if name.rsplit("::").next() == Some(function) {
                own_id = Some(id.to_owned());
            }
            if key == "fn=" {
                inside = own_id.as_deref() == Some(id);
            }
        } else if inside
            && line.starts_with(|first: char| first.is_ascii_digit() || "+-*".contains(first))
        {
            let cost = line.split_whitespace().nth(1).and_then(|cost| cost.parse::<u64>().ok());
            sum = Some(sum.unwrap_or(0) + cost.unwrap_or(0));
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROFILE: &str = "\
events: Ir
fl=(1) benches/src/measured.rs
fn=(2) main
cfn=(12) benches::measured::frame_to_10
calls=1 16
30 51630
fn=(12)
16 30
cfi=(3) core/src/send.rs
cfn=(14) core::send
calls=4 120
+3 51200
* 400
fn=(14)
120 51200

fn=(15) benches::measured::frame_to_1
16 7
totals: 51637
";

    #[test]
    fn a_function_has_its_own_and_what_it_called() {
        assert_eq!(inclusive(PROFILE, "frame_to_10"), Some(30 + 51_200 + 400));
        assert_eq!(inclusive(PROFILE, "frame_to_1"), Some(7));
        assert_eq!(inclusive(PROFILE, "frame_to_100"), None);
    }
}
