// Reads BPMN documents as bpmn.io's programs do: a line of JSON with a document comes in, one with what it says goes out.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const required = createRequire(pathToFileURL(`${process.cwd()}/`));
const { BpmnModdle } = await import(pathToFileURL(required.resolve("bpmn-moddle")).href);

for await (const line of createInterface({ input: process.stdin })) {
  const moddle = new BpmnModdle();
  try {
    const { rootElement, warnings, elementsById } = await moddle.fromXML(JSON.parse(line));
    const kinds = Object.values(elementsById).map((element) => element.$type);
    console.log(JSON.stringify({ warnings: warnings.map((one) => one.message), kinds, root: rootElement.$type }));
  } catch (error) {
    console.log(JSON.stringify({ warnings: [error.message], kinds: [], root: "" }));
  }
}
