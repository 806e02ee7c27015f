import io from "./index.js";

if (typeof module == "object" && module.exports) module.exports = io;
else globalThis.io = io;
