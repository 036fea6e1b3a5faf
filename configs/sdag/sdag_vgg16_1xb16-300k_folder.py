# The authors' recipe, on a folder of enhanced or normal-light photographs.
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/sdag.py',
    '../_base_/datasets/folder_sdag.py',
    '../_base_/schedules/sdag_300k.py',
]
