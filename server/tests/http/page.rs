use super::server::{header, start};

#[tokio::test]
async fn the_page_and_all_that_it_loads_are_served_from_here() {
    let server = start("").await;

    let page = server.get("/").await;

    assert_eq!(page.status(), 200);
    assert_eq!(header(&page, "content-type"), "text/html; charset=utf-8");
    let policy = header(&page, "content-security-policy");
    assert!(
        policy.contains("default-src 'none'") && policy.contains("script-src 'self'"),
        "{policy}"
    );
    assert!(!policy.contains("unsafe"), "{policy}");
    let text = page.text().await.unwrap();
    assert!(text.contains("/pinhole.js"), "{text}");
}

#[tokio::test]
async fn every_file_of_the_player_is_built_in_with_its_type() {
    let server = start("").await;
    let web = concat!(env!("CARGO_MANIFEST_DIR"), "/../web");
    let mut count = 0;
    for entry in std::fs::read_dir(web).unwrap() {
        let path = entry.unwrap().path();
        let kind = match path.extension().and_then(|extension| extension.to_str()) {
            Some("js") => "text/javascript; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("html") => "text/html; charset=utf-8",
            _ => continue,
        };
        let name = path.file_name().unwrap().to_str().unwrap();
        let response = server.get(name).await;
        assert_eq!(response.status(), 200, "{name}");
        assert_eq!(header(&response, "content-type"), kind, "{name}");
        assert_eq!(response.bytes().await.unwrap(), std::fs::read(&path).unwrap(), "{name}");
        count += 1;
    }
    assert!(count >= 4, "{count} files");
}

#[tokio::test]
async fn a_file_that_has_not_changed_is_not_sent_again() {
    let server = start("").await;
    let first = server.get("/pinhole.js").await;
    assert_eq!(header(&first, "cache-control"), "no-cache");
    let tag = header(&first, "etag");

    let known = server.request("GET", "/pinhole.js").header("if-none-match", &tag);
    let known = known.send().await.unwrap();
    let changed = server.request("GET", "/pinhole.js").header("if-none-match", "\"old\"");

    assert_eq!(known.status(), 304);
    assert_eq!(header(&known, "etag"), tag);
    assert!(known.bytes().await.unwrap().is_empty());
    assert_eq!(changed.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let server = start("").await;
    for path in ["/nothing", "/package.json", "/..%2fCargo.toml", "/whep/a/b", "/ws/", "/api"] {
        assert_eq!(server.get(path).await.status(), 404, "{path}");
    }
    assert_eq!(server.request("POST", "/").send().await.unwrap().status(), 405);
    assert_eq!(server.request("HEAD", "/").send().await.unwrap().status(), 200);
}
