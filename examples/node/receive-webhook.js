// Receives outcomes as a webhook, and verifies their signatures:
//   WEBHOOK_SECRET=whsec_… PORT=8000 node receive-webhook.js
// Prints a line for each outcome that is new.
import { createServer } from "node:http";
import { Webhook } from "standardwebhooks";

const webhook = new Webhook(process.env.WEBHOOK_SECRET);
const revisions = new Map(); // by message id; a real app keeps them in its database

function receive({ type, data }) {
  if (type === "message.test") return console.log(type); // of `smsrelay webhook test`; it names no message
  if (data.revision <= (revisions.get(data.id) ?? 0)) return; // told before, or overtaken by a later outcome
  revisions.set(data.id, data.revision);
  console.log(type, data.id, data.reference, data.state);
}

const server = createServer(async (request, response) => {
  try {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    receive(webhook.verify(Buffer.concat(chunks).toString(), request.headers)); // the bytes as they came, not JSON written again
    response.writeHead(204).end();
  } catch (error) {
    console.error(`refused: ${error.message}`);
    response.writeHead(400).end();
  }
});
server.listen(process.env.PORT ?? 8000, "127.0.0.1", () => console.log(`listening on port ${server.address().port}`));
