//! The chat of `examples/chat`, served without an async runtime: its handlers, bounds and page are the
//! same, for an app knows nothing of the adapter that serves it.

#[path = "../../chat/src/app.rs"]
mod app;
#[path = "../../chat/src/hall.rs"]
mod hall;
#[path = "../../chat/src/names.rs"]
mod names;
#[path = "../../chat/src/pages.rs"]
mod pages;

use sockeye_tiny_http::ServeBlocking;

fn main() -> std::io::Result<()> {
    let port = std::env::args().skip_while(|it| it != "--port").nth(1);
    let address = format!("0.0.0.0:{}", port.as_deref().unwrap_or("3000"));
    let server = app::app().bind(address)?;
    let server = pages::PAGES.iter().fold(server, |it, page| it.page(page.0, page.1, page.2));
    println!("listening on http://localhost:{}", server.local_addr().port());
    server.serve()
}
