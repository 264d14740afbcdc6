// Runs crisp's email-reply-parser: a JSON line in, a JSON line out, as worker.py does for the Python ones.
import { createInterface } from "node:readline";
import { createRequire } from "node:module";

const require = createRequire(process.argv[2] + "/");
const { default: EmailReplyParser } = await import(require.resolve("email-reply-parser"));
const { version } = require("./node_modules/email-reply-parser/package.json");

console.log(JSON.stringify({ version }));
for await (const line of createInterface({ input: process.stdin })) {
  const began = performance.now();
  let found;
  try {
    found = { text: new EmailReplyParser().parseReply(JSON.parse(line).text) };
  } catch (error) {
    found = { error: String(error) };
  }
  console.log(JSON.stringify({ ...found, seconds: (performance.now() - began) / 1000 }));
}
