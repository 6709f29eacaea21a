"""Uses the pages of the simulated GitLab as a person does, in headless Chromium.

usage: pages.py URL TOKEN FOLDER [page ...]     pages: docs redoc panel; screenshots go to FOLDER
Prints one line for each thing that was seen to work; stops at the first that was not.
Speaks to the browser through its debugging pipe: no package is needed.
"""
import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

BASE, TOKEN, FOLDER = sys.argv[1:4]
PAGES = sys.argv[4:] or ["docs", "redoc", "panel"]


# What the browser says when it goes to another page while something is asked of this one.
MOVED = ("navigated or closed", "context was destroyed", "Cannot find context")


class Moved(SystemExit):
    pass


class Browser:
    def __init__(self):
        self.profile = tempfile.mkdtemp()
        to_browser, self.write_end = os.pipe()
        self.read_end, from_browser = os.pipe()

        def wire():
            # The browser reads from 3 and writes to 4.
            source, target = os.dup(to_browser), os.dup(from_browser)
            os.dup2(source, 3)
            os.dup2(target, 4)

        self.process = subprocess.Popen(
            ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--disable-sync",
             "--disable-dev-shm-usage", "--user-data-dir=" + self.profile, "--remote-debugging-pipe",
             "--window-size=1400,1000", "about:blank"],
            preexec_fn=wire, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.buffer, self.number, self.asked, self.session = b"", 0, {}, None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime"):
            self.call(domain + ".enable")

    def receive(self):
        while b"\0" not in self.buffer:
            piece = os.read(self.read_end, 65536)
            if not piece:
                raise SystemExit("the browser has gone")
            self.buffer += piece
        text, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(text)

    def call(self, method, **params):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.write_end, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.receive()
            if answer.get("method") == "Network.requestWillBeSent":
                self.asked[answer["params"]["requestId"]] = answer["params"]["request"]["url"]
            elif answer.get("method") == "Network.loadingFailed" and \
                    answer["params"].get("blockedReason") == "csp":
                # The page's own policy kept it in.
                self.asked.pop(answer["params"]["requestId"], None)
            if answer.get("id") == self.number:
                if "error" in answer:
                    error = "%s: %s" % (method, answer["error"])
                    raise (Moved if any(sign in error for sign in MOVED) else SystemExit)(error)
                return answer["result"]

    def eval(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True,
                           awaitPromise=True)
        if "exceptionDetails" in result:
            raise SystemExit("%s: %s" % (expression, result["exceptionDetails"]))
        return result["result"].get("value")

    def open(self, path):
        self.call("Page.navigate", url=BASE + path)
        self.wait("the page " + path, "document.readyState === 'complete' && location.pathname === %s"
                  % json.dumps(path))

    def wait(self, what, expression, press=None):
        """Until the expression holds; `press` is clicked again while it does not, as people do."""
        end, pressed = time.time() + 60, 0
        while time.time() < end:
            try:
                if self.eval("Boolean(" + expression + ")"):
                    return
            except Moved:
                pass
            if press and time.time() > pressed + 3:
                self.click(press)
                pressed = time.time()
            time.sleep(0.05)
        self.shot("failed")
        raise SystemExit("not seen: " + what)

    def click(self, selector):
        self.eval("(e => e && e.click())(document.querySelector(%s))" % json.dumps(selector))

    def type(self, selector, text):
        """Keys go to the focused field, as a keyboard's do."""
        self.eval("(e => { e.focus(); e.select && e.select() })(document.querySelector(%s))"
                  % json.dumps(selector))
        self.call("Input.insertText", text=text)

    def shot(self, name):
        data = self.call("Page.captureScreenshot", format="png")["data"]
        with open(os.path.join(FOLDER, name + ".png"), "wb") as file:
            file.write(base64.b64decode(data))

    def close(self):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.profile, ignore_errors=True)


def text(selector):
    return "((document.querySelector(%s) || {}).innerText || '')" % json.dumps(selector)


def try_out(b, tag, operation, expected):
    """Opens an operation, carries it out as it stands there, and waits for the answer."""
    block = "#operations-%s-%s" % (tag, operation)
    if not b.eval("Boolean(document.querySelector(%s))" % json.dumps(block)):
        b.click("#operations-tag-" + tag)
    b.wait("the operations of a group", "document.querySelector(%s)" % json.dumps(block))
    b.click(block + " .opblock-summary-control")
    b.wait("a button to try it", "document.querySelector(%s)" % json.dumps(block + " .execute"))
    b.wait("the answer of " + operation, text(block + " .live-responses-table")
           + ".includes(%s)" % json.dumps(expected), press=block + " .execute")
    b.eval("document.querySelector(%s).scrollIntoView()" % json.dumps(block))


def docs(b):
    b.open("/docs")
    b.wait("operations", "document.querySelectorAll('.opblock-tag').length > 8")
    b.shot("docs")
    b.click(".btn.authorize")
    b.wait("the form for the token", "document.querySelector('.auth-container input')")
    b.type(".auth-container input", TOKEN)
    b.click(".auth-container button.authorize")
    b.wait("the token taken", text(".auth-container") + ".includes('Logout') || "
           "document.querySelector('.auth-container button.auth').innerText.includes('Logout')")
    b.click(".btn-done")
    try_out(b, "server", "server_version", "revision")
    print("docs: operations are shown, and trying one out answers")
    try_out(b, "triggers", "triggers_run", '"source": "trigger"')
    b.shot("docs-tried")
    try_out(b, "pipelines", "pipelines_get", '"detailed_status"')
    try_out(b, "mock", "mock_scenarios_create", '"scenario_id": 1000')
    try_out(b, "mock", "mock_clock_set", '"epoch"')
    print("docs: what stands there as an example is carried out")


def redoc(b):
    b.open("/redoc")
    b.wait("the contract", text("body") + ".includes('Make a pipeline') && "
           + text("body") + ".includes('Register a webhook target')")
    b.shot("redoc")
    print("redoc: the contract is shown")


def panel(b):
    b.open("/_mock/")
    b.wait("the form for the token", "document.querySelector('#token')")
    b.shot("panel-gate")
    b.type("#token", "wrong-token")
    b.click("#enter button")
    b.wait("the refusal", text("#say") + ".includes('not the token')")
    b.type("#token", TOKEN)
    b.click("#enter button")
    b.wait("the panel", "!document.querySelector('#panel').hidden")
    print("panel: opens with the token and not without")
    b.type("#s-name", "late <b>failure</b>")
    b.type("#s-after", "30")
    b.eval("document.querySelector('#s-status').value = 'failed'")
    b.click("#make-scenario button")
    b.wait("the scenario", text("#scenarios") + ".includes('late <b>failure</b>')")
    assert not b.eval("document.querySelector('#scenarios b, #p-scenario b')"), "markup got through"
    print("panel: creates a scenario and shows it as text")
    b.eval("(s => { s.value = [...s.options].find(o => o.text.includes('late')).value })"
           "(document.querySelector('#p-scenario'))")
    b.click("#make-pipeline button")
    b.wait("a running pipeline", "document.querySelector('#pipelines .status.running')")
    b.shot("panel-running")
    before = b.eval("clock.epoch")
    b.type("#seconds", "45")
    b.click("#advance button.main")
    b.wait("the failed pipeline", "document.querySelector('#pipelines .status.failed')")
    assert b.eval("clock.epoch") >= before + 45, "the clock has not moved"
    print("panel: advances the clock and shows what became of the pipeline")
    b.click("#make-fault button")
    b.wait("the rule", text("#faults") + ".includes('502')")
    b.wait("the requests", text("#requests") + ".includes('/trigger/pipeline')")
    b.shot("panel")
    print("panel: makes a rule and shows the last requests")
    b.click("#leave")
    b.wait("the gate", "document.querySelector('#gate') && !document.querySelector('#gate').hidden "
           "&& document.querySelector('#panel').hidden")
    assert not b.eval("Object.keys(localStorage).length + Object.keys(sessionStorage).length"
                      " + document.cookie.length"), "something was kept"
    print("panel: keeps the token nowhere")


def absent(b):
    for path in ("/docs", "/redoc"):
        b.open(path)
        b.wait("a word about what is missing", text("body") + ".includes('make docs-assets')")
    b.shot("absent")
    print("without their files: the pages say how to get them")


browser = Browser()
try:
    for page in PAGES:
        {"docs": docs, "redoc": redoc, "panel": panel, "absent": absent}[page](browser)
    elsewhere = [url for url in browser.asked.values()
                 if not url.startswith((BASE + "/", "data:", "blob:", "about:"))]
    if elsewhere:
        raise SystemExit("asked elsewhere: " + " ".join(elsewhere))
    print("nothing was asked of anybody else")
finally:
    browser.close()
