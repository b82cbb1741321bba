// The steps through npm's ccxt: prints one line of JSON. Arguments: URL, key, secret, control URL, token.
const ccxt = require('ccxt');
const [url, apiKey, secret, control, token] = process.argv.slice(2);
const api = { public: url, private: url, zendesk: url };
const exchange = new ccxt.kraken({ apiKey, secret, urls: { api }, enableRateLimit: false, timeout: 20000 });
const plain = (number) => String(Number(number));
const name = 'BTC/USD';
const place = async (kind, side, volume, price, params = {}) => (
  await exchange.createOrder(name, kind, side, volume, price, params)).id;
const shown = (txid) => exchange.fetchOrder(txid, name);
const move = (price) => fetch(`${control}/emulator/prices`, {
  method: 'POST', headers: { Authorization: `Bearer ${token}` }, body: JSON.stringify({ XBTUSD: price }),
});

(async () => {
  const told = {};
  told['dollars at the start'] = plain((await exchange.fetchBalance()).free.USD);
  told['last price'] = plain((await exchange.fetchTicker(name)).last);
  const resting = await place('limit', 'buy', 0.333333333333, 37500);
  let [order] = await exchange.fetchOpenOrders(name);
  told['limit order, its volume cut to the lot'] = [order.side, order.type, plain(order.price), plain(order.amount)];
  await exchange.cancelOrder(resting, name);
  told['open orders once it is cancelled'] = (await exchange.fetchOpenOrders(name)).length;
  order = await shown(await place('market', 'buy', 0.5));
  told['market order'] = [order.status, plain(order.filled), plain(order.cost)];
  const stop = await place('market', 'sell', 0.1, undefined, { stopLossPrice: 50000 });
  order = await shown(stop);
  told['stop loss'] = [order.info.descr.ordertype, plain(order.stopLossPrice)];
  await exchange.cancelOrder(stop, name);
  const trail = await place('market', 'sell', 0.1, undefined, { trailingPercent: 5 });
  await move('66000');
  const rising = (await shown(trail)).status;
  await move('62000');
  told['trailing stop after a rise and after a fall'] = [rising, (await shown(trail)).status];
  await place('market', 'buy', 0.1, undefined, { leverage: 2 });
  let rows = await exchange.fetchPositions();
  const side = { long: 'buy', short: 'sell' }[rows[0].side];
  told['long position'] = [rows.length, side, plain(rows[0].contracts || rows[0].info.vol)];
  await place('market', 'sell', 0.1, undefined, { leverage: 2 });
  rows = await exchange.fetchPositions();
  told['positions once it is closed'] = rows.length;
  told['order that costs more than there is'] = await place('limit', 'buy', 1000000, 37500)
    .then(() => 'it was placed', (error) => (error instanceof ccxt.InsufficientFunds ? 'Insufficient funds' : String(error)));
  console.log(JSON.stringify(told));
})().catch((error) => { console.error(error); process.exit(1); });
