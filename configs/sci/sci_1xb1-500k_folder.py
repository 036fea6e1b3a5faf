# The authors' recipe, on a folder of low-light photographs.
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/sci.py',
    '../_base_/datasets/folder_sci.py',
    '../_base_/datasets/folder_test.py',
    '../_base_/schedules/sci_500k.py',
]
