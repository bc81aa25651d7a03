use super::*;
use crate::base::Seed;
use crate::stun::answers::{asked, message, refusal, success};
use crate::stun::attributes::{ChangeRequest, ResponsePort};
use crate::wire::{StunKind, parse_stun};
use stun_types::attribute::{Fingerprint, RawAttribute};
use stun_types::message::{LongTermKeyCredentials, MessageIntegrityCredentials, MessageWriteVec};

/// RFC 5769 §2.1.
const REQUEST: &str = "\
    000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74\
    002400046e0001ff80290008932ff9b151263b36000600096576746a3a6836765920202000080014\
    9aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf";
/// RFC 5769 §2.2.
const RESPONSE_V4: &str = "\
    0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f722000200008\
    0001a147e112a643000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96";
/// RFC 5769 §2.3.
const RESPONSE_V6: &str = "\
    010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f722000200014\
    0002a1470113a9faa5d3f179bc25f4b5bed2b9d900080014a382954e4be67bf11784c97c8292c275\
    bfe3ed4180280004c8fb0b4c";
/// RFC 5769 §2.4.
const REQUEST_LONG_TERM: &str = "\
    000100602112a44278ad3433c6ad72c029da412e00060012e3839ee38388e383aae38383e382afe3\
    82b900000015001c662f2f3439396b39353464364f4c33346f4c394653547679363473410014000b\
    6578616d706c652e6f72670000080014f67024656dd64a3e02b8e0712e85c9a28ca89666";

const ID: u128 = 0xb7e7_a701_bc34_d686_fa87_dfae;

fn bytes(hex: &str) -> Vec<u8> {
    let digits = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(digits).collect()
}

fn mapped(payload: &[u8]) -> SocketAddr {
    match parse(payload) {
        Ok(BindingMessage::Response(_, Outcome::Mapped(mapped))) => mapped.address,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_vectors_of_rfc_5769_are_understood() {
    let id = TransactionId::from(ID);
    for (response, address) in [
        (RESPONSE_V4, "192.0.2.1:32853"),
        (RESPONSE_V6, "[2001:db8:1234:5678:11:2233:4455:6677]:32853"),
    ] {
        let address = address.parse().unwrap();
        let expected = Mapped { address, other: None, origin: None };
        let expected = BindingMessage::Response(id, Outcome::Mapped(expected));
        assert_eq!(parse(&bytes(response)), Ok(expected));
    }

    let request = bytes(REQUEST);
    assert_eq!(parse(&request), Ok(BindingMessage::Request(id)));
    let Some(StunKind::Request(check)) = parse_stun(&request) else { panic!("no request") };
    assert_eq!(check.local_ufrag(), "evtj");
    assert!(check.is_authentic("VOkJxbRl1RmTxUk/WvJxBt"));
    assert!(!check.is_authentic("VOkJxbRl1RmTxUk/WvJxBT"));
}

#[test]
fn the_long_term_vector_of_rfc_5769_verifies_under_its_password_alone() {
    let request = bytes(REQUEST_LONG_TERM);
    let message = Message::from_bytes(&request).unwrap();
    let verifies = |password: &str| {
        let (name, realm) = ("マトリックス".to_owned(), "example.org".to_owned());
        let key = LongTermKeyCredentials::new(name, password.to_owned(), realm);
        message.validate_integrity(&MessageIntegrityCredentials::LongTerm(key)).is_ok()
    };

    // The password after SASLprep, which takes its soft hyphen out.
    assert!(verifies("TheMatrIX"));
    assert!(!verifies("TheMatrix"));
    assert!(matches!(parse(&request), Ok(BindingMessage::Request(_))));
}

#[test]
fn no_truncation_passes_and_no_flipped_bit_lies() {
    // In Miri, which takes a second for a message, some of them.
    const STEP: usize = if cfg!(miri) { 61 } else { 1 };
    for hex in [RESPONSE_V4, RESPONSE_V6] {
        let whole = bytes(hex);
        for length in (0..whole.len()).step_by(STEP) {
            assert_eq!(parse(&whole[..length]), Err(DropReason::BadStun), "{length} bytes");
        }
        // A length that grows over FINGERPRINT hides it; nothing else passes, and nothing lies.
        let expected = parse(&whole);
        let mut passed = 0;
        for bit in (0..(whole.len() - 8) * 8).step_by(STEP) {
            let mut bent = whole.clone();
            bent[bit / 8] ^= 0x80 >> (bit % 8);
            let read = parse(&bent);
            passed += usize::from(read.is_ok());
            assert!(read.is_err() || read == expected, "bit {bit}");
        }
        assert!(passed <= 1, "{passed} messages with a flipped bit passed");
        for value in (1..=255).step_by(STEP) {
            let mut bent = whole.clone();
            *bent.last_mut().unwrap() ^= value;
            assert_eq!(parse(&bent), Err(DropReason::BadStun), "fingerprint ^ {value}");
        }
        let longer = [&whole[..], &[0; 4]].concat();
        assert_eq!(parse(&longer), Err(DropReason::BadStun));
    }
}

#[test]
fn xor_mapped_goes_before_mapped_which_alone_is_enough() {
    let id = TransactionId::from(7);
    let (plain, xored) = ("203.0.113.9:9".parse().unwrap(), "203.0.113.1:5000".parse().unwrap());
    let plain = MappedAddress::new(plain);
    let xored = XorMappedAddress::new(xored, id);
    // CHANGED-ADDRESS of RFC 3489 is among those that would have to be understood.
    let old = RawAttribute::new(0x0005.into(), &[0, 1, 0x0d, 0x97, 192, 0, 2, 2]);

    let both = message(MessageClass::Success, id, &[&plain, &xored]);
    let rfc3489 = message(MessageClass::Success, id, &[&plain, &old]);
    let neither = message(MessageClass::Success, id, &[&old]);

    assert_eq!(mapped(&both), xored.addr(id));
    assert_eq!(mapped(&rfc3489), plain.address());
    assert_eq!(parse(&neither), Err(DropReason::BadStun));
}

#[test]
fn only_addresses_that_can_be_reached_are_taken() {
    let id = TransactionId::from(7);
    for nobody in [
        "0.0.0.0:5000",
        "203.0.113.1:0",
        "224.0.0.1:5",
        "255.255.255.255:5",
        "[::]:5",
        "[ff02::1]:5",
    ] {
        let response = success(id, nobody.parse().unwrap());
        assert_eq!(parse(&response), Err(DropReason::BadStun), "{nobody}");
    }
    let wrapped = success(id, "[::ffff:203.0.113.1]:5000".parse().unwrap());
    assert_eq!(mapped(&wrapped), "203.0.113.1:5000".parse().unwrap());
}

#[test]
fn other_address_and_origin_are_read_and_dropped_where_they_lead_nowhere() {
    let id = TransactionId::from(7);
    let read = |address: &str| {
        let address: SocketAddr = address.parse().unwrap();
        let mapped = XorMappedAddress::new("203.0.113.1:5000".parse().unwrap(), id);
        let (other, origin) = (OtherAddress::new(address), ResponseOrigin::new(address));
        let response = message(MessageClass::Success, id, &[&mapped, &other, &origin]);
        match parse(&response) {
            Ok(BindingMessage::Response(_, Outcome::Mapped(mapped))) => mapped,
            wrong => panic!("{wrong:?}"),
        }
    };

    let there: SocketAddr = "192.0.2.2:3479".parse().unwrap();
    assert_eq!(
        (read("192.0.2.2:3479").other, read("192.0.2.2:3479").origin),
        (Some(there), Some(there))
    );
    assert_eq!((read("0.0.0.0:0").other, read("0.0.0.0:0").origin), (None, None));
}

#[test]
fn errors_have_a_code_and_what_is_no_answer_is_not_ours() {
    let id = TransactionId::from(7);
    for code in [300, 400, 420, 500, 699] {
        let expected = BindingMessage::Response(id, Outcome::Refused(code));
        assert_eq!(parse(&refusal(id, code)), Ok(expected));
    }
    let error = |value: &[u8]| {
        let code = RawAttribute::new(ErrorCode::TYPE, value);
        parse(&message(MessageClass::Error, id, &[&code]))
    };
    // A phrase that is no UTF-8 does no harm.
    let refused = BindingMessage::Response(id, Outcome::Refused(401));
    assert_eq!(error(&[0, 0, 4, 1, 0xff, 0xff]), Ok(refused));
    for bad in [&[0, 0, 2, 0][..], &[0, 0, 7, 0], &[0, 0, 4, 100], &[0, 0, 4], &[]] {
        assert_eq!(error(bad), Err(DropReason::BadStun), "{bad:?}");
    }
    let without = message(MessageClass::Error, id, &[]);
    assert_eq!(parse(&without), Err(DropReason::BadStun));
    let indication = message(MessageClass::Indication, id, &[]);
    assert_eq!(parse(&indication), Err(DropReason::NoTransaction));
    // Success of Allocate.
    let mut allocate = success(id, "203.0.113.1:5000".parse().unwrap());
    allocate[1] = 0x03;
    assert_eq!(parse(&allocate), Err(DropReason::NoTransaction));
}

#[test]
fn a_request_is_as_short_as_it_can_be_and_never_outgrows_its_buffer() {
    let id = TransactionId::from(ID);
    let write = |attribute: Option<&dyn AttributeWrite>| {
        let mut buffer = [0xee; REQUEST_BYTES_MAX];
        let length = write_request(&mut buffer, id, attribute).unwrap();
        buffer[..length].to_vec()
    };

    let header = bytes("000100002112a442b7e7a701bc34d686fa87dfae");
    assert_eq!(write(None), header);
    assert_eq!(asked(&write(None)), id);
    let changed = write(Some(&ChangeRequest::AddressAndPort));
    assert_eq!(changed[20..], [0, 3, 0, 4, 0, 0, 0, 6]);
    assert_eq!(write(Some(&ResponsePort(258)))[20..], [0, 0x27, 0, 2, 1, 2, 0, 0]);
    assert_eq!(write_request(&mut [0; REQUEST_BYTES_MAX - 1], id, None), None);
}

#[test]
fn fingerprints_are_checked_where_they_are() {
    let id = TransactionId::from(7);
    let mut message = Message::builder(
        MessageType::from_class_method(MessageClass::Success, BINDING),
        id,
        MessageWriteVec::new(),
    );
    let address = "203.0.113.1:5000".parse().unwrap();
    message.add_attribute(&XorMappedAddress::new(address, id)).unwrap();
    message.add_fingerprint().unwrap();
    let good = message.finish();
    assert_eq!(mapped(&good), address);
    assert_eq!(good[good.len() - 8..][..2], u16::from(Fingerprint::TYPE).to_be_bytes());

    let mut bad = good;
    *bad.last_mut().unwrap() ^= 1;
    assert_eq!(parse(&bad), Err(DropReason::BadStun));
}

#[test]
fn ids_come_from_the_seed_and_use_all_their_bits() {
    let draw = |byte: u8| {
        let mut rng = Seed::new([byte; 32]).rng();
        let ids: Vec<u128> = (0..64).map(|_| transaction_id(&mut rng).into()).collect();
        ids
    };

    let ids = draw(1);
    assert_eq!(ids, draw(1));
    assert_ne!(ids, draw(2));
    assert_eq!(ids.iter().fold(0, |seen, id| seen | id), u128::MAX >> 32);
    assert_eq!(ids.iter().fold(u128::MAX, |seen, id| seen & id), 0);
}
