//! The page in `web/`.

/// The page, which is a part of the program: path, content type, content.
pub(crate) const PAGES: [(&str, &str, &str); 11] = [
    ("/", HTML, include_str!("../web/index.html")),
    ("/chat.js", JS, include_str!("../web/chat.js")),
    ("/composer.js", JS, include_str!("../web/composer.js")),
    ("/connection.js", JS, include_str!("../web/connection.js")),
    ("/dom.js", JS, include_str!("../web/dom.js")),
    ("/icon.svg", SVG, include_str!("../web/icon.svg")),
    ("/messages.css", CSS, include_str!("../web/messages.css")),
    ("/messages.js", JS, include_str!("../web/messages.js")),
    ("/panels.js", JS, include_str!("../web/panels.js")),
    ("/style.css", CSS, include_str!("../web/style.css")),
    ("/timeline.js", JS, include_str!("../web/timeline.js")),
];
const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";
