import io from "./index.js";

if (typeof module == "object" && module.exports) module.exports = io;
else if (typeof define == "function" && define.amd) define(() => io);
else globalThis.io = io;
