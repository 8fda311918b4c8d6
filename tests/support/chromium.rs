//! A real browser: what it shows of a page, what it asks for, and pictures of it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{self, Message, WebSocket};

use super::process::{LONG, Running};
use super::skip::skip;
use super::world::World;

/// A headless Chromium with one page, spoken to by its own protocol for developers.
pub struct Browser {
    _running: Running,
    page: WebSocket<TcpStream>,
    calls: u64,
    asked: Vec<String>,
}

impl Browser {
    /// `None`, and said, where there is no Chromium.
    pub fn open(world: &World) -> Option<Self> {
        let found = std::env::var_os("PATH")
            .is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join("chromium").is_file()));
        if !found {
            skip("chromium is not installed (Debian's package chromium has it)");
            return None;
        }
        let data = format!("--user-data-dir={}", world.path("chromium").display());
        // It keeps to the real clock: with libfaketime in it, as on another day, it is slow and may hang.
        let flags = [
            "-u",
            "LD_PRELOAD",
            "chromium",
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--hide-scrollbars",
            "--remote-debugging-port=0",
            &data,
            "about:blank",
        ];
        let running = world.start("env", &flags);
        running.wait_for_stderr("DevTools listening on ws://");
        let said = running.stderr();
        let address = said.split("DevTools listening on ws://").nth(1).and_then(|rest| rest.split('/').next()).unwrap();
        let pages: Value = serde_json::from_str(&get(address, "/json/list")).unwrap();
        let is_page = |page: &&Value| page["type"] == "page";
        let url = pages.as_array().unwrap().iter().find(is_page).unwrap()["webSocketDebuggerUrl"].as_str().unwrap();
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        let (page, _) = tungstenite::client(url, stream).unwrap();
        page.get_ref().set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let mut browser = Self { _running: running, page, calls: 0, asked: Vec::new() };
        for domain in ["Page", "Network", "Runtime"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        Some(browser)
    }

    /// Calls a method, and gives its result.
    #[track_caller]
    fn call(&mut self, method: &str, params: Value) -> Value {
        self.calls += 1;
        let number = self.calls;
        let call = json!({ "id": number, "method": method, "params": params });
        self.page.send(Message::text(call.to_string())).unwrap();
        let deadline = Instant::now() + LONG;
        while Instant::now() < deadline {
            let Some(heard) = self.hear() else { continue };
            if heard["id"] == number {
                assert!(heard["error"].is_null(), "{method}: {heard}");
                return heard["result"].clone();
            }
        }
        panic!("{method} is not answered");
    }

    /// The next message, if one is there; what the page asks for is noted.
    fn hear(&mut self) -> Option<Value> {
        match self.page.read() {
            Ok(Message::Text(text)) => {
                let heard: Value = serde_json::from_str(&text).unwrap();
                if heard["method"] == "Network.requestWillBeSent" {
                    self.asked.push(heard["params"]["request"]["url"].as_str().unwrap().to_owned());
                }
                Some(heard)
            }
            Ok(_) => None,
            Err(tungstenite::Error::Io(error))
                if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) =>
            {
                None
            }
            Err(error) => panic!("the browser is gone: {error}"),
        }
    }

    /// A window of this many points, with these colours wanted; a narrow one is a phone's.
    pub fn sized(&mut self, (width, height): (u32, u32), scheme: &str) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500 });
        self.call("Emulation.setDeviceMetricsOverride", size);
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.call("Emulation.setEmulatedMedia", json!({ "features": features }));
    }

    /// Pages run no scripts from here on.
    pub fn without_scripts(&mut self) {
        self.call("Emulation.setScriptExecutionDisabled", json!({ "value": true }));
    }

    /// Presses a key that writes nothing, by its name in JavaScript, such as `Tab`.
    pub fn press(&mut self, key: &str, code: u32) {
        for kind in ["rawKeyDown", "keyUp"] {
            let event = json!({ "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code });
            self.call("Input.dispatchKeyEvent", event);
        }
    }

    /// What is focused, by its tag and its text.
    pub fn focused(&mut self) -> String {
        let told = self.is("document.activeElement.tagName + ' ' + document.activeElement.textContent");
        told.as_str().unwrap().to_owned()
    }

    /// Roles and names of what a screen reader is told of.
    pub fn read_aloud(&mut self) -> Vec<(String, String)> {
        let told = self.call("Accessibility.getFullAXTree", json!({}));
        let of = |node: &Value, what: &str| node[what]["value"].as_str().unwrap_or_default().to_owned();
        let nodes = told["nodes"].as_array().unwrap().iter().filter(|node| node["ignored"] == false);
        nodes.map(|node| (of(node, "role"), of(node, "name"))).collect()
    }

    /// Goes there.
    #[track_caller]
    pub fn go(&mut self, url: &str) {
        let gone = self.call("Page.navigate", json!({ "url": url }));
        assert!(gone["errorText"].is_null(), "{url}: {gone}");
        self.wait_for("document.readyState === 'complete' && location.href !== 'about:blank'");
    }

    /// What an expression of JavaScript is.
    #[track_caller]
    pub fn is(&mut self, expression: &str) -> Value {
        let told = self.call("Runtime.evaluate", json!({ "expression": expression, "returnByValue": true }));
        assert!(told["exceptionDetails"].is_null(), "{expression}: {told}");
        told["result"]["value"].clone()
    }

    /// Waits until an expression is true.
    #[track_caller]
    pub fn wait_for(&mut self, expression: &str) {
        let deadline = Instant::now() + LONG;
        while self.is(expression) != Value::Bool(true) {
            assert!(Instant::now() < deadline, "never so: {expression}: {}", self.is("document.body.innerText"));
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// All addresses that were asked for so far.
    pub fn asked(&mut self) -> Vec<String> {
        // What has been said already is heard first.
        self.is("1");
        self.asked.clone()
    }

    /// The page as it is printed on paper of this size, in inches.
    pub fn printed(&mut self, (width, height): (f64, f64)) -> Vec<u8> {
        let paper = json!({
            "paperWidth": width, "paperHeight": height, "printBackground": true, "preferCSSPageSize": false,
            "displayHeaderFooter": false,
        });
        let printed = self.call("Page.printToPDF", paper);
        STANDARD.decode(printed["data"].as_str().unwrap()).unwrap()
    }

    /// A picture of what is there, as wide as the window, and as long as a page of the manual bears.
    pub fn picture(&mut self, file: &Path) {
        let mut whole = self.call("Page.getLayoutMetrics", json!({}))["cssContentSize"].clone();
        whole["scale"] = json!(1);
        whole["height"] = json!(whole["height"].as_f64().unwrap().min(2_400.0));
        let taken = self
            .call("Page.captureScreenshot", json!({ "format": "png", "captureBeyondViewport": true, "clip": whole }));
        std::fs::write(file, STANDARD.decode(taken["data"].as_str().unwrap()).unwrap()).unwrap();
    }
}

fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    // It leaves the connection open, whatever it was told.
    while !answer.ends_with(']') {
        let mut byte = [0; 4_096];
        let count = stream.read(&mut byte).unwrap();
        assert_ne!(count, 0, "{answer}");
        answer.push_str(&String::from_utf8_lossy(&byte[..count]));
        answer.truncate(answer.trim_end().len());
    }
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}
