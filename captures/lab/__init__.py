"""Records the captures of this folder: real load balancers, real faults, each recording checked by tshark.

``python -m captures.lab`` runs every scenario in namespaces of its own and writes
``captures/<cause>/<case>.pcap`` with what it must show beside it. A scenario is a function in
``captures/lab/scenarios/<cause>.py``; the modules are found by listing that folder.
"""
