"""Processes of WorkflowGen, read from the XPDL files that it exports, as drafts of processes here.

    xpdl         the file: bounded, without entities, as plain values
    forms        the form inside of it, which is HTML in base64
    expressions  conditions of ways and of fields, as small trees, and as CEL
    fields       form elements → fields of the form
    actions      actions → approvals and tasks
    limits       how long an action might take → deadlines
    graph        ways, bars and splits → transitions and blocks
    report       what was taken, changed and left out, and what somebody has to decide
    importing    all of it: bytes → definition, YAML and report; read this first

A file is foreign text: nothing in it is run, nothing that it names is fetched, and nothing of it is published. What it
says of people (users of another installation) only stands in the report.
"""
