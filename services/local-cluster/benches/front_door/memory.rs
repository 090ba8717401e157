//! How much memory the api takes for callers that want too much, and for many that listen.

use std::{
    fs,
    io::{self, Write as _},
    net::SocketAddr,
};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{AnyError, figures, part::Part};

const MEBIBYTE: f64 = 1024.0 * 1024.0;

/// What is sent of a value that may have a mebibyte.
const UPLOAD: usize = 1_000_000_000;
const PIECE: usize = 64 * 1024;

const WATCHERS: usize = 5_000;

/// How many connect at once.
const AT_ONCE: usize = 100;

pub(crate) async fn measure(api: &Part) -> Result<(), AnyError> {
    let mut out = io::stdout();
    writeln!(out, "An upload of {UPLOAD} bytes")?;
    let length = format!("content-length: {UPLOAD}\r\n");
    for (name, framing) in [
        ("announced", length.as_str()),
        ("in chunks", "transfer-encoding: chunked\r\n"),
    ] {
        let before = memory(api, "VmRSS")?;
        // From now on the kernel notes the peak anew.
        fs::write(format!("/proc/{}/clear_refs", api.process()), "5")?;
        let (sent, answer) = upload(api.addr, framing).await?;
        let grown = memory(api, "VmHWM")? - before;
        writeln!(
            out,
            "  {name}  {answer}, after {sent} bytes; memory grew by {grown:.1} MiB at most"
        )?;
    }

    let before = memory(api, "VmRSS")?;
    let watchers: Vec<_> = stream::iter(0..WATCHERS)
        .map(|_watcher| watch(api.addr))
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await?;
    let grown = memory(api, "VmRSS")? - before;
    writeln!(out, "{WATCHERS} who watch as server-sent events")?;
    writeln!(
        out,
        "  memory grew by  {grown:.1} MiB   (wanted: at most 100)"
    )?;
    put(api.addr).await?;
    let told =
        stream::iter(watchers).then(async |mut stream| read_to(&mut stream, "event: put").await);
    let told = told.try_fold(0, async |told, _event| Ok(told + 1)).await?;
    writeln!(out, "  told of a put   {told}")?;
    let grown = memory(api, "VmRSS")? - before;
    writeln!(out, "  and then        {grown:.1} MiB")?;
    Ok(())
}

/// In mebibytes.
fn memory(api: &Part, what: &str) -> io::Result<f64> {
    Ok(figures::memory(&api.process(), what)? / MEBIBYTE)
}

/// Sends until there is an answer; how much that was, and the answer's first line.
async fn upload(api: SocketAddr, framing: &str) -> Result<(usize, String), AnyError> {
    let mut stream = TcpStream::connect(api).await?;
    let head = format!("PUT /v1/records/large HTTP/1.1\r\nhost: localhost\r\n{framing}\r\n");
    stream.write_all(head.as_bytes()).await?;
    let (mut reading, mut writing) = stream.split();
    let mut answer = [0; 12];
    let mut sent = 0;
    let is_chunked = framing.contains("chunked");
    let sending = async {
        let piece = vec![b'x'; PIECE];
        while sent < UPLOAD {
            if is_chunked {
                writing
                    .write_all(format!("{PIECE:x}\r\n").as_bytes())
                    .await?;
            }
            writing.write_all(&piece).await?;
            if is_chunked {
                writing.write_all(b"\r\n").await?;
            }
            sent += PIECE;
        }
        Ok::<_, io::Error>(())
    };
    let answered = async {
        reading.read_exact(&mut answer).await?;
        Ok::<_, io::Error>(())
    };
    tokio::select! {
        biased;
        answered = answered => answered?,
        sending = sending => return Err(format!("all of it was taken: {sending:?}").into()),
    }
    Ok((sent, String::from_utf8_lossy(&answer).into_owned()))
}

/// Watches, and has been told that it does.
async fn watch(api: SocketAddr) -> Result<TcpStream, AnyError> {
    let mut stream = TcpStream::connect(api).await?;
    let request =
        b"GET /v1/records:watch HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n\r\n";
    stream.write_all(request).await?;
    read_to(&mut stream, "event: bookmark").await?;
    Ok(stream)
}

async fn put(api: SocketAddr) -> Result<(), AnyError> {
    let mut stream = TcpStream::connect(api).await?;
    let request =
        b"PUT /v1/records/news HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\nhi";
    stream.write_all(request).await?;
    read_to(&mut stream, "200 OK").await
}

async fn read_to(stream: &mut TcpStream, what: &str) -> Result<(), AnyError> {
    let mut text = Vec::new();
    while !String::from_utf8_lossy(&text).contains(what) {
        if stream.read_buf(&mut text).await? == 0 {
            return Err(format!(
                "it ended before {what:?}: {}",
                String::from_utf8_lossy(&text)
            )
            .into());
        }
    }
    Ok(())
}
