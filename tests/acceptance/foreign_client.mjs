// An app in another language: publishes one task with the npm package celery-node, as its README shows.
// node foreign_client.mjs FOLDER_WITH_NODE_MODULES BROKER_URL QUEUE < job.json
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const [folder, broker, queue] = process.argv.slice(2);
const celery = createRequire(`${folder}/`)("celery-node");

const client = celery.createClient(broker, broker, queue);
client.sendTask("sms.send", [JSON.parse(readFileSync(0, "utf8"))], {});
await client.isReady();
await new Promise(setImmediate);
await client.disconnect();
