//! Rust's reqwest: METHOD URL [--header 'Name: value']... [--file FILE] [--chunked] [--times N]
use reqwest::blocking::{Body, Client};
use std::error::Error;
use std::fs::File;
use std::io::{self, Read, Write};

fn main() -> Result<(), Box<dyn Error>> {
    let mut argv = std::env::args().skip(1);
    let mut next = || argv.next();
    let method = next().ok_or("no method")?;
    let url = next().ok_or("no URL")?;
    let (mut headers, mut file, mut chunked, mut times) = (Vec::new(), None, false, 1);
    while let Some(option) = next() {
        match option.as_str() {
            "--chunked" => chunked = true,
            "--header" => headers.push(next().ok_or("no header")?),
            "--file" => file = next(),
            "--times" => times = next().ok_or("no number")?.parse()?,
            other => return Err(format!("no such option: {other}").into()),
        }
    }
    let client = Client::new();
    for _ in 0..times {
        let mut request = client.request(method.parse()?, &url);
        for header in &headers {
            let (name, value) = header.split_once(": ").ok_or("no value")?;
            request = request.header(name, value);
        }
        if let Some(path) = &file {
            let file = File::open(path)?;
            request = request.body(if chunked { Body::new(file) } else { Body::from(file) });
        }
        show(request.send()?)?;
    }
    Ok(())
}

fn show(mut response: reqwest::blocking::Response) -> io::Result<()> {
    let content_type = response.headers().get("content-type").and_then(|value| value.to_str().ok()).unwrap_or("");
    let mut out = io::stdout().lock();
    write!(out, "{:?} {}\r\ncontent-type: {}\r\n\r\n", response.version(), response.status().as_u16(), content_type)?;
    let mut buffer = [0; 65536];
    loop {
        let count = response.read(&mut buffer)?;
        if count == 0 {
            return out.flush();
        }
        out.write_all(&buffer[..count])?;
        out.flush()?;
    }
}
