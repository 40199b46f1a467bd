"""From the model of a spec to the text of its generated module, and from there to the disk.

A pipe: `kinfolk.spec` reads a model; `proxies` and `managers` turn it into small records;
`render` makes text of them; `files` writes last. Rendering is pure: same model, same text. No
sockets here, and no running objects.
"""
