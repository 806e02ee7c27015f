import io from "./index.js";

if (typeof module == "object" && module.exports) module.exports = io.default = io;
else globalThis.io = io;
