// Sends one code over the queue, with a plain Redis client:
//   SMSRELAY_BROKER_URL=redis://… node send-over-queue.js NUMBER CODE REFERENCE
// Prints the message's id. Nobody answers on the queue: a wrong job is kept for an operator (`smsrelay dead list`).
import { createClient } from "redis";
import { v4 as newUuid, v5 as uuidOf } from "uuid";

const NAMESPACE = "6f1d2c52-0d5e-5c0b-9d5b-5a7c1e0f3f9a"; // of message ids
const [to, code, reference] = process.argv.slice(2);
const job = { to, template: "0000000", params: [code], lane: "otp", app: "shop", reference, expires_in: 300 };

const queue = `sms.${job.lane}`;
const taskId = newUuid();
const body = [[job], {}, {}]; // positional arguments, keyword arguments, what to call afterwards
const task = {
  body: Buffer.from(JSON.stringify(body)).toString("base64"),
  "content-type": "application/json",
  "content-encoding": "utf-8",
  headers: { lang: "js", task: "sms.send", id: taskId },
  properties: {
    body_encoding: "base64",
    correlation_id: taskId,
    delivery_tag: newUuid(),
    delivery_mode: 2,
    delivery_info: { exchange: "", routing_key: queue },
  },
};

const redis = createClient({
  url: process.env.SMSRELAY_BROKER_URL,
  socket: { connectTimeout: 5000, socketTimeout: 5000, reconnectStrategy: false },
});
redis.on("error", () => {}); // the calls below reject with the same error
try {
  await redis.connect();
  await redis.lPush(queue, JSON.stringify(task));
  console.log(uuidOf(`${job.app.length}:${job.app}${job.reference}`, NAMESPACE));
} catch (error) {
  console.error(`not sent: ${error.message}`); // running it again is safe: the same reference is the same message
  process.exitCode = 1;
} finally {
  redis.destroy();
}
