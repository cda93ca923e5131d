import asyncio
import json
import multiprocessing
import os
import subprocess
import urllib.request

import pytest

API = os.environ["API_URL"]
ANOTHER = os.environ["DECOY_URL"]

NODE = """
const http = require('http');
const agent = new http.Agent({keepAlive: true, maxSockets: 1});
const get = path => new Promise((resolve, reject) => http.get(process.env.API_URL + path, {agent}, answer => {
  let text = ''; answer.on('data', part => text += part); answer.on('end', () => resolve(JSON.parse(text)));
}).on('error', reject));
(async () => {
  const told = [];
  for (const path of process.argv.slice(1)) told.push((await get(path)).name);
  agent.destroy();
  console.log(told.join(' '));
})().catch(error => { console.error(error); process.exit(1); });
"""


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, timeout=10).stdout


def test_curl():
    assert json.loads(output("curl", "-s", f"{API}/api/items"))["total"] == 2


def test_curl_that_checks():
    subprocess.run(["curl", "-sf", f"{API}/health"], stdout=subprocess.DEVNULL, check=True, timeout=10)


def test_curl_in_a_shell(tmp_path):
    os.system(f"curl -s {API}/api/items/1 > {tmp_path}/item.json")
    assert json.loads((tmp_path / "item.json").read_text())["name"] == "alpha"


def test_asyncio_curl():
    async def ask():
        child = await asyncio.create_subprocess_exec("curl", "-s", f"{API}/health", stdout=asyncio.subprocess.PIPE)
        told, _ = await child.communicate()
        return json.loads(told)

    assert asyncio.run(ask())["revision"] == "api-00042"


def test_node():
    assert output("node", "-e", NODE, "/api/items/1").strip() == "alpha"


def test_node_keep_alive():
    assert output("node", "-e", NODE, "/api/items/2", "/api/items/1").split() == ["beta", "alpha"]


def fetch(url, queue):
    with urllib.request.urlopen(url, timeout=5) as answer:
        queue.put(json.load(answer))


def forked(target, *arguments):
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    child = context.Process(target=target, args=(*arguments, queue))
    child.start()
    child.join(10)
    assert child.exitcode == 0
    return queue.get()


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_fork():
    assert forked(fetch, f"{API}/api/items/2")["price"] == 25


def test_curl_to_another():
    assert json.loads(output("curl", "-s", f"{ANOTHER}/api/items"))["total"] == 2


def test_pipeline_loses_the_exit_code():
    pipeline = f"curl -sf {API}/health | tail -n 1"
    assert subprocess.run(pipeline, shell=True, stdout=subprocess.DEVNULL, timeout=10).returncode == 0


def test_curl_or_true():
    done = subprocess.run(f"curl -sf {API}/api/broken || true", shell=True, stdout=subprocess.DEVNULL, timeout=10)
    assert done.returncode == 0


def test_echo():
    assert "200 OK" in output("echo", f"GET {API}/health 200 OK")


def test_node_says_pass():
    assert output("node", "-e", "console.log('PASS ' + process.env.API_URL)").startswith("PASS http")


def answer_without_asking(queue):
    queue.put({"status": "healthy"})


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_fork_asks_nobody():
    assert forked(answer_without_asking)["status"] == "healthy"
