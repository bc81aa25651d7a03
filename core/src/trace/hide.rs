//! Hides the addresses of a recording that shows them, as a recorder that was told to would have.

use serde_json::Value;

use super::addresses::{AddressPolicy, Addresses};
use super::entry::Entry;
use super::header::Header;
use super::read::Recording;

/// How deep values of a line lie in each other.
const DEPTH_MAX: usize = 16;

impl Recording {
    /// The same with other addresses of the same kinds: see [`AddressPolicy::Hide`]. One whose
    /// addresses are hidden stays as it is.
    pub fn hide_addresses(self) -> Recording {
        if self.header.addresses_hidden {
            return self;
        }
        let mut addresses = Addresses::new(AddressPolicy::Hide);
        let mut foundations = Vec::new();
        let mut hider = Hider { addresses: &mut addresses, foundations: &mut foundations };
        let mut header = hider.header(&self.header).unwrap_or(self.header);
        header.addresses_hidden = true;
        let hide = |entry: Entry| hider.entry(&entry).unwrap_or(entry);
        Recording { header, entries: self.entries.into_iter().map(hide).collect(), ..self }
    }
}

struct Hider<'a> {
    addresses: &'a mut Addresses,
    /// Of candidates, in the order of appearance: browsers make them from addresses.
    foundations: &'a mut Vec<String>,
}

impl Hider<'_> {
    fn header(&mut self, header: &Header) -> Option<Header> {
        // Names first: what follows may speak of them.
        for server in &header.servers {
            self.addresses.host(&server.host);
        }
        let mut value = serde_json::to_value(header).ok()?;
        self.value("", &mut value, 0);
        serde_json::from_value(value).ok()
    }

    fn entry(&mut self, entry: &Entry) -> Option<Entry> {
        let mut value = serde_json::to_value(entry).ok()?;
        self.value("", &mut value, 0);
        serde_json::from_value(value).ok()
    }

    fn value(&mut self, key: &str, value: &mut Value, depth: usize) {
        match value {
            Value::String(text) => *text = self.text(key, text),
            Value::Array(values) if depth < DEPTH_MAX => {
                values.iter_mut().for_each(|value| self.value(key, value, depth + 1));
            }
            Value::Object(fields) if depth < DEPTH_MAX => {
                fields.iter_mut().for_each(|(key, value)| self.value(key, value, depth + 1));
            }
            _ => {}
        }
    }

    fn text(&mut self, key: &str, text: &str) -> String {
        match key {
            "host" | "tls" => self.addresses.host(text),
            "sdp" | "candidate" => {
                let lines = text.split_inclusive('\n').map(|line| self.line(line));
                lines.collect()
            }
            // Names of this format, and versions of programs.
            "kind" | "program" | "profile_level_id" | "service" => text.to_owned(),
            _ => self.addresses.prose(text),
        }
    }

    /// A line of SDP, or a candidate.
    fn line(&mut self, line: &str) -> String {
        let Some((before, rest)) = line.split_once("candidate:") else {
            return self.addresses.text(line);
        };
        let fields = rest.split(' ').enumerate().map(|(place, field)| match place {
            0 => self.foundation(field),
            _ if field.trim_end().ends_with(".local") => self.addresses.host(field.trim_end()),
            _ => self.addresses.text(field),
        });
        format!("{before}candidate:{}", fields.collect::<Vec<_>>().join(" "))
    }

    fn foundation(&mut self, field: &str) -> String {
        let known = self.foundations.iter().position(|it| it == field);
        let place = known.unwrap_or_else(|| {
            self.foundations.push(field.to_owned());
            self.foundations.len() - 1
        });
        format!("removed{}", place + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_address_and_no_name_is_left_and_the_same_is_the_same() {
        let text = concat!(
            r#"{"pinhole_record":1,"minor":1,"program":"0.1.0","started_unix_ms":1,"#,
            r#""addresses_hidden":false,"bases":["192.168.7.9:5000"],"tcp_bases":[],"#,
            r#""map":["5000/udp=8.8.8.8:30000"],"audience":"public","paths":"all","servers":[{"#,
            r#""host":"turn.example.org","service":"turn-udp","credentials":"none","#,
            r#""addresses":["9.9.9.9:3478"]}],"profile_level_id":"42e01f","limits":{"sessions":1,"#,
            r#""connect_timeout_ms":1,"recovery_timeout_ms":1,"sdp_bytes":1}}"#,
            "\n",
            r#"{"at_us":5,"kind":"offer","sdp":"c=IN IP4 8.8.4.4\r\na=candidate:77 1 udp 5 8.8.4.4 6 "#,
            r#"typ host\r\na=candidate:8 1 udp 5 x-y.local 7 typ host\r\n"}"#,
            "\n",
            r#"{"at_us":6,"kind":"diagnosis","session":0,"verdict":"gave-up","#,
            r#""evidence":["turn.example.org relays at 8.8.8.8:30000"]}"#,
            "\n",
        );

        let hidden = Recording::read(text.as_bytes()).unwrap().hide_addresses().to_lines();

        for secret in ["8.8.", "192.168", "9.9.9", "turn.example", "x-y", "candidate:77"] {
            assert!(!hidden.contains(secret), "{secret} stands in {hidden}");
        }
        let outside = "203.0.113.";
        assert!(hidden.contains(&format!("host1.invalid relays at {outside}")), "{hidden}");
        assert_eq!(hidden.matches(":30000").count(), 2);
        assert!(hidden.contains("\"program\":\"0.1.0\""));
    }
}
