// Browsers refuse workers to pages that are opened from disk. There the site's search
// runs in a hidden frame instead, which has a scope of its own as a worker has.
if (location.protocol === "file:") {
  const load = (frame, url) =>
    new Promise((done, failed) => {
      const script = frame.document.createElement("script");
      script.src = url;
      script.onload = done;
      script.onerror = failed;
      frame.document.body.append(script);
    });

  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      const element = document.createElement("iframe");
      element.hidden = true;
      element.srcdoc = "<body></body>";
      this.started = new Promise((done) => {
        element.onload = done;
      }).then(() => this.start(element.contentWindow, String(url)));
      document.body.append(element);
    }

    async start(frame, url) {
      frame.postMessage = (data) =>
        setTimeout(() => this.dispatchEvent(new MessageEvent("message", { data })));
      frame.importScripts = async (...urls) => {
        for (const each of urls) await load(frame, each);
      };
      await load(frame, url);
      return frame;
    }

    postMessage(data) {
      this.started.then((frame) =>
        frame.dispatchEvent(new frame.MessageEvent("message", { data })),
      );
    }
  };
}
