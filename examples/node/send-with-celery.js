// Sends one code over the queue, with celery-node:
//   SMSRELAY_BROKER_URL=redis://… node send-with-celery.js NUMBER CODE REFERENCE
// Prints the message's id. Nobody answers on the queue: a wrong job is kept for an operator (`smsrelay dead list`).
import celery from "celery-node";
import { v5 as uuidOf } from "uuid";

const NAMESPACE = "6f1d2c52-0d5e-5c0b-9d5b-5a7c1e0f3f9a"; // of message ids
const [to, code, reference] = process.argv.slice(2);
const job = { to, template: "0000000", params: [code], lane: "otp", app: "shop", reference, expires_in: 300 };

const broker = process.env.SMSRELAY_BROKER_URL;
const client = celery.createClient(broker, broker, `sms.${job.lane}`); // celery-node wants a result backend; it stays empty
try {
  await client.isReady();
} catch (error) {
  console.error(`not sent: ${error.message}`); // running it again is safe: the same reference is the same message
  process.exit(1); // celery-node would try to connect for ever
}
client.createTask("sms.send").applyAsync([job]);
await new Promise(setImmediate); // applyAsync hands the task to the connection in the next turn of the loop
await client.disconnect(); // waits until Redis has the task; without it the program never ends
console.log(uuidOf(`${job.app.length}:${job.app}${job.reference}`, NAMESPACE));
