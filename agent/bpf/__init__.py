"""The recorder's kernel programs: source, build script and the built blob that is shipped.

Nothing is imported from here at run time; `agent.recorder.lightskeleton` reads the two files
`recorder.blob` and `recorder.manifest.json`.
"""
