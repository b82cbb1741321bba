// A client in JavaScript, signing as Kraken documents it: node_client.mjs URL TOKEN
import { createHash, createHmac } from "node:crypto";

const [url, token] = process.argv.slice(2);
let last = 0;

async function call(endpoint, fields = {}) {
  const nonce = (last = Math.max(Date.now(), last + 1));
  const body = new URLSearchParams({ nonce, ...fields }).toString();
  const path = `/0/private/${endpoint}`;
  const digest = createHash("sha256").update(nonce + body).digest();
  const sign = createHmac("sha512", Buffer.from(token, "base64")).update(path).update(digest).digest("base64");
  const headers = { "API-Key": token, "API-Sign": sign, "Content-Type": "application/x-www-form-urlencoded" };
  const response = await fetch(url + path, { method: "POST", headers, body });
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  return response.json();
}

const order = { pair: "XBTUSD", type: "buy", ordertype: "limit", price: "25000", volume: "0.01" };
const answers = await Promise.all([call("Balance"), call("AddOrder", order), call("OpenOrders"), call("Balance")]);
console.log(JSON.stringify(answers));
