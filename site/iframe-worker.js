// Search where the pages are opened from a disk: browsers start no worker of a file, so its script runs in a frame.
if (location.protocol === "file:") {
    const inFrame = () => {
        window.postMessage = (message) => parent.postMessage(message, "*");
        window.importScripts = (...urls) => urls.reduce((before, url) => before.then(() => new Promise((done) => {
            const script = document.createElement("script");
            script.src = url;
            script.onload = done;
            document.body.append(script);
        })), Promise.resolve());
    };
    window.IFrameWorker = window.Worker = class extends EventTarget {
        constructor(url) {
            super();
            this.frame = document.createElement("iframe");
            this.frame.hidden = true;
            this.ready = new Promise((done) => { this.frame.onload = done; });
            this.frame.srcdoc = `<body><script>(${inFrame})()</script><script src="${url}"></script>`;
            document.body.append(this.frame);
            addEventListener("message", (event) => {
                if (event.source === this.frame.contentWindow) {
                    this.dispatchEvent(new MessageEvent("message", { data: event.data }));
                }
            });
        }

        postMessage(data) {
            this.ready.then(() => this.frame.contentWindow.dispatchEvent(new MessageEvent("message", { data })));
        }

        terminate() {
            this.frame.remove();
        }
    };
}
