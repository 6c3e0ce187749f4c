"""Code that runs inside the environments of other frameworks, one module per framework.

Such an environment has torch, the framework and four small packages (msgpack, pyzmq, pydantic,
PyYAML); modules here import nothing else of ours than what runs with these.
"""
