/**
 * Loaded into each application before its own code: it may reach this machine and no other, and it ends when the test is gone. A try to leave
 * the machine is refused and told on stderr, where `application.ts` finds it.
 */
const dns = require("node:dns");
const net = require("node:net");

const LOOPBACK = /^(localhost|127(\.\d+){3}|::1|::ffff:127(\.\d+){3})$/i;

function refuse(host) {
  process.stderr.write(`left the machine: ${host}\n`);
  return Object.assign(new Error(`${host} is not this machine`), { code: "ECONNREFUSED" });
}

const socket = net.Socket.prototype;
const connect = Reflect.get(socket, "connect");
socket.connect = function (...given) {
  const options = Array.isArray(given[0]) ? given[0][0] : given[0]; // net.connect() hands its arguments on as one list
  const host = typeof options === "object" && options !== null ? options.host : typeof given[1] === "string" ? given[1] : undefined;
  if (host !== undefined && !LOOPBACK.test(host)) {
    const error = refuse(host);
    process.nextTick(() => this.destroy(error)); // whoever connects listens for errors only after this
    return this;
  }
  return connect.apply(this, given);
};

const { lookup } = dns;
dns.lookup = function (host, ...rest) {
  if (LOOPBACK.test(host)) return lookup.call(dns, host, ...rest);
  const error = refuse(host);
  const done = rest.at(-1);
  process.nextTick(() => done(error));
};

process.stdin.once("end", () => process.exit(1)).resume(); // a pipe that the test holds open
