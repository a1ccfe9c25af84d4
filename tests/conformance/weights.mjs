// What twitter-text says of texts: reads one JSON string a line, writes the weight of each.
//
//   node weights.mjs            the weights
//   node weights.mjs domains    the top-level domains that it knows, as one JSON list
//
// Started in a folder with the package.

import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";

const load = createRequire(join(process.cwd(), "packages.cjs"));

if (process.argv[2] === "domains") {
  const names = ["validGTLD", "validCCTLD"].flatMap((name) =>
    load(`twitter-text/dist/regexp/${name}`)
      .source.replaceAll(/\(\?=.*?\$\)|\(\?:|\)/g, "")
      .split("|"),
  );
  console.log(JSON.stringify(names));
} else {
  const { parseTweet } = load("twitter-text");
  for await (const line of createInterface({ input: process.stdin })) {
    console.log(parseTweet(JSON.parse(line)).weightedLength);
  }
}
