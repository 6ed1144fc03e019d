"""Record what happens on this computer, from the best event sources that the kernel offers.

Start at `recorder.py`. Every source implements `source.Source`; all of them share one
`processes.ProcessTable`. May import `protocol`; knows no other part of the agent.
"""
