// `require()` in a `try`, since neither Node.js nor bundlers then need the package to be there, and
// test environments that have modules of their own, such as Jest, find it.
try {
  module.exports = require("ws");
} catch {}
