// A program in JavaScript that signs as Kraken documents it, without a package: URL TOKEN CALLS.
// Prints Kraken's answer to each call, a line each. Every fifth call is an order.
import { createHash, createHmac } from "node:crypto";

const [url, token, calls] = process.argv.slice(2);
const AT_ONCE = 4;

async function call(endpoint, fields = {}) {
  const path = `/0/private/${endpoint}`;
  const nonce = String(Date.now());
  const body = new URLSearchParams({ nonce, ...fields }).toString();
  const digest = createHash("sha256").update(nonce + body).digest();
  const sign = createHmac("sha512", Buffer.from(token, "base64")).update(path).update(digest).digest("base64");
  const headers = { "API-Key": token, "API-Sign": sign, "Content-Type": "application/x-www-form-urlencoded" };
  const response = await fetch(url + path, { method: "POST", headers, body });
  return response.json();
}

async function work(first) {
  for (let number = first; number < Number(calls); number += AT_ONCE) {
    const order = { pair: "ETHUSD", type: "buy", ordertype: "limit", price: String(1000 + number), volume: "0.1" };
    console.log(JSON.stringify(number % 5 ? await call("Balance") : await call("AddOrder", order)));
  }
}

await Promise.all(Array.from({ length: AT_ONCE }, (_, first) => work(first)));
