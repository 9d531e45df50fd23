// Sends one code over the HTTP API, and asks what became of it:
//   SMSRELAY_API_URL=http://… SMSRELAY_API_KEY=… node send-over-http.js NUMBER CODE REFERENCE
// Prints the message's id and its state. Running it again is safe: the same reference is the same message.
const [to, code, reference] = process.argv.slice(2);
const job = { to, template: "0000000", params: [code], lane: "otp", reference, expires_in: 300 };

async function call(method, path, body) {
  const response = await fetch(process.env.SMSRELAY_API_URL + path, {
    method,
    headers: { authorization: `Bearer ${process.env.SMSRELAY_API_KEY}`, "content-type": "application/json" },
    body: body && JSON.stringify(body),
    signal: AbortSignal.timeout(10_000),
  });
  const answer = await response.json();
  if (response.ok) return answer;
  const wrong = (answer.errors ?? []).map((error) => `${error.field}: ${error.allowed}`);
  throw new Error([`${response.status} ${answer.title}`, ...wrong].join("\n"));
}

try {
  const { id } = await call("POST", "/v1/messages", job);
  const { state } = await call("GET", `/v1/messages/${id}`);
  console.log(id, state);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
